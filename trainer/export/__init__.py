"""Networks without growth, for other programs."""
