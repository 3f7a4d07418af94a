"""Grading one submission: pytest plugin, running a check, scoring."""
