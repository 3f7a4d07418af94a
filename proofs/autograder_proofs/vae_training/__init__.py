"""The proof of the training of a VAE."""
