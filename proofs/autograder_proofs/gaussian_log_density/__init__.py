"""What only the grader knows about log-densities of Gaussians."""
