"""What was asked and answered, in one SQLite file."""
