"""`ok.TuningTable`: parameter sets edited by hand, and their answers side by side. See docs/tuning.md."""
