"""Distribution strategies, and batches under them."""
