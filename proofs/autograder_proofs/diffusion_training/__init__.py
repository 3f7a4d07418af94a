"""The proof of the training on the loss of a diffusion model."""
