"""Assertions about samples, the p-values and sample sizes behind them, and distances between samples."""
