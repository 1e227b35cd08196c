"""What a network is trained on: one file for each source."""
