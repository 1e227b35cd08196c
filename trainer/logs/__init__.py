"""Logs of a run: summaries for TensorBoard, plots, progress and profiles."""
