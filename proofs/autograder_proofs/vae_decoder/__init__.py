"""The proof of the decoder of a VAE."""
