"""The proof of the encoder of a VAE."""
