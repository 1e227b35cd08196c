"""Schedules and policies: when and where to grow."""
