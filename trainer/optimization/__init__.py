"""Optimizers whose slots grow, mixed precision, and updates scaled per neuron."""
