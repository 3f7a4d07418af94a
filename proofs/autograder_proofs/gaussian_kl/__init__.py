"""What only the grader knows about the divergence of Gaussians."""
