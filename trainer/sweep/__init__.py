"""Several seeds and configurations side by side, compared."""
