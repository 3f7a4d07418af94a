"""The proof of the tables of a noise schedule."""
