"""What a run records of its growths."""
