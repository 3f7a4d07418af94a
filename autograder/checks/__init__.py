"""The vocabulary for authors of checks."""
