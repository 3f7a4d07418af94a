"""The proof of a reverse loop."""
