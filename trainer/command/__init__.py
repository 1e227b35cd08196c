"""Flags, paths, messages, signals and streams: how the programs meet the command line."""
