"""The record of a run's growths."""
