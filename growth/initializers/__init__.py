"""How to grow: one file for each method."""
