"""What a run shows: summaries for TensorBoard, plots, progress and profiles."""
