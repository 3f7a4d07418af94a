"""The proof of a reverse step."""
