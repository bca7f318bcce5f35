"""Scorers: functions, matchers and judges, and what identifies each."""
