"""New neurons, and appending them to a network."""
