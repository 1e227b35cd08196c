"""What measures speed and memory, by pairing the two things compared, and exactness."""
