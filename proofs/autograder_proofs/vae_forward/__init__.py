"""The proof of the forward pass of a VAE."""
