"""Paired measurements of speed and memory, and of exactness."""
