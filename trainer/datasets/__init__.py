"""Datasets: one file for each source."""
