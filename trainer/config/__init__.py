"""Gin configurations: reading them, checking them, and what is said of mistakes in them."""
