"""What measures speed, by pairing the two things compared in one process."""
