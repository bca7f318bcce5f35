"""Asking: targets, workers, progress and the scoring of answers as they arrive."""
