"""log N(x; m, v) = -1/2 (log 2 pi + log v + (x - m)^2 / v) for each coordinate."""

import math

import torch

LOG_2PI = math.log(2 * math.pi)


def log_density(x, mean, logvar):
    """log N(x; mean, exp(logvar)) of each row (batch,); mean and logvar may be 0-d."""
    ### BEGIN SOLUTION
    squares = (x - mean) ** 2 * torch.exp(-logvar)
    return -0.5 * torch.sum(squares + logvar + LOG_2PI, dim=1)
    ### END SOLUTION


class Gaussian:
    """A diagonal Gaussian."""

    def __init__(self, mu, sigma):
        self.mu, self.sigma = mu, sigma

    def nll(self, x, dims=(1, 2, 3)):
        """-log N(x; mu, sigma^2), summed over dims."""
        ### BEGIN SOLUTION
        standardised = (x - self.mu) / self.sigma
        return (0.5 * standardised.square() + self.sigma.log() + 0.5 * LOG_2PI).sum(dims)
        ### END SOLUTION


def per_pixel(x, mean, log_std):
    """log N(x; mean, exp(log_std)^2), averaged over the pixels of each image (batch,)."""
    ### BEGIN SOLUTION
    squares = ((x - mean) / torch.exp(log_std)) ** 2
    return -(0.5 * LOG_2PI + log_std + 0.5 * squares).mean((1, 2, 3))
    ### END SOLUTION
