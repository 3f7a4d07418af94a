"""The proof of forward noising."""
