"""Synthetic classes: submissions of which the grades are known before they are graded."""
