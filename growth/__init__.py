"""When, where and how a network grows, and the surgery that combines them."""
