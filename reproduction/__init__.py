"""Remakes figures of the paper: runs what they need, draws them, and checks the paper's claims."""
