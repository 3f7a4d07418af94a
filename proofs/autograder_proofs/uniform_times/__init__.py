"""The proof of random time indices."""
