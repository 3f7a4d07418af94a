"""What only the grader knows about the loss of a VAE."""
