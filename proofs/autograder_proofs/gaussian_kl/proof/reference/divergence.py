"""KL(q || p) of diagonal Gaussians: 1/2 ((m - n)^2 / w + v / w - 1 - log(v / w)) for each coordinate."""

import torch


def divergence(mean, logvar):
    """KL(N(mean, exp(logvar)) || N(0, I)) of each row (batch,)."""
    ### BEGIN SOLUTION
    return 0.5 * torch.sum(mean**2 + torch.exp(logvar) - 1 - logvar, dim=1)
    ### END SOLUTION


class Gaussian:
    """A diagonal Gaussian of images."""

    def __init__(self, mu, sigma):
        self.mu, self.sigma = mu, sigma

    def closeness(self, other):
        """Minus KL(this || other), added up over an image and averaged over the batch."""
        ### BEGIN SOLUTION
        ratio, distance = self.sigma / other.sigma, (self.mu - other.mu) / other.sigma
        each = 0.5 * (distance.square() + ratio.square() - 1) - ratio.log()
        return -each.sum((1, 2, 3)).mean()
        ### END SOLUTION


def mean_divergence(mean, variance):
    """KL(N(mean, variance) || N(0, I)), averaged over coordinates, added up over the batch."""
    ### BEGIN SOLUTION
    return 0.5 * (mean**2 + variance - 1 - variance.log()).mean(dim=1).sum()
    ### END SOLUTION


def of_diffused(x, signal):
    """KL(N(sqrt(signal) x, (1 - signal) I) || N(0, I)) of a vector (d,), a number."""
    ### BEGIN SOLUTION
    return 0.5 * (signal * x.square() - signal - torch.log1p(-signal)).sum()
    ### END SOLUTION
