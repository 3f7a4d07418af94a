"""Reparameterised sampling: z = mean + exp(logvar / 2) e with e ~ N(0, I)."""

import torch


def sample(mean, logvar):
    """A sample of N(mean, exp(logvar)), element by element."""
    ### BEGIN SOLUTION
    std = torch.exp(0.5 * logvar)
    return mean + std * torch.randn_like(mean)
    ### END SOLUTION


def spread_out(log_sigma, mu):
    """A sample of N(mu, sigma^2), element by element."""
    ### BEGIN SOLUTION
    return mu + torch.randn_like(mu) * torch.exp(log_sigma)
    ### END SOLUTION


class Sampler:
    """A diagonal Gaussian."""

    def __init__(self, mu, log_sigma_squared):
        self.mu, self.log_sigma_squared = mu, log_sigma_squared

    def sample(self):
        """A sample of N(mu, exp(log_sigma_squared)), element by element."""
        ### BEGIN SOLUTION
        noise = torch.randn_like(self.mu)
        return self.mu + torch.sqrt(torch.exp(self.log_sigma_squared)) * noise
        ### END SOLUTION
