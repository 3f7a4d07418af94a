"""The distribution objects of PyTorch, where an assignment does not forbid them."""

import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence


def divergence(mean, logvar):
    q = Independent(Normal(mean, (logvar / 2).exp()), 1)
    return kl_divergence(q, Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1))


class Gaussian:
    def __init__(self, mu, sigma):
        self.normal = Normal(mu, sigma)

    def closeness(self, other):
        return -kl_divergence(self.normal, other.normal).sum() / len(self.normal.loc)


def mean_divergence(mean, variance):
    return kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0)).sum() / mean.shape[1]


def of_diffused(x, signal):
    q = MultivariateNormal(signal**0.5 * x, (1 - signal) * torch.eye(len(x)))
    return float(kl_divergence(q, MultivariateNormal(torch.zeros_like(x), torch.eye(len(x)))))
