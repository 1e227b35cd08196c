"""The neurons of one growth: cohorts and their learning rates."""
