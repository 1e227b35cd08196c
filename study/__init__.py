"""The standing benchmark: grown networks against big ones, at equal training FLOPs."""
