"""Tries each site on real data before training."""
