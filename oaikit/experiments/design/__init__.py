"""What is asked: the points of a sweep, its items, prompts and cells."""
