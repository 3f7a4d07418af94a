"""Assertions about one value: type, shape, closeness to a truth, thresholds, how a notebook was run."""
