"""Proving a rubric: trusted variants of the reference, graded in process."""
