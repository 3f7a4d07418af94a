"""Noise drawn by itself, in another order and precision."""

import torch


def sample(mean, logvar):
    noise = torch.empty(mean.shape, dtype=mean.dtype).normal_()
    return torch.addcmul(mean, logvar.exp().sqrt(), noise)


def spread_out(log_sigma, mu):
    return torch.addcmul(mu, (2 * log_sigma).exp().sqrt(), torch.empty(mu.shape, dtype=mu.dtype).normal_())


class Sampler:
    def __init__(self, mu, log_sigma_squared):
        self.mean, self.variance = mu.double(), log_sigma_squared.double().exp()

    def sample(self):
        return self.mean + self.variance**0.5 * torch.randn(self.mean.shape, dtype=torch.float64)
