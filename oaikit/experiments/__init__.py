"""Parameter experiments: spaces, statistics, diversity."""
