"""Declaring a check: items and inputs, contracts, the words of a failure, secrets, and what a report shows."""
