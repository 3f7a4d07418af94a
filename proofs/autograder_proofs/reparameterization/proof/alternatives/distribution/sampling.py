"""The distribution object of PyTorch, where an assignment does not forbid it."""

import torch


def sample(mean, logvar):
    return torch.distributions.Normal(mean, (logvar / 2).exp(), validate_args=False).rsample()


def spread_out(log_sigma, mu):
    return torch.distributions.Normal(mu, log_sigma.exp(), validate_args=False).rsample()


class Sampler(torch.distributions.Independent):
    def __init__(self, mu, log_sigma_squared):
        normal = torch.distributions.Normal(mu, (log_sigma_squared / 2).exp(), validate_args=False)
        super().__init__(normal, mu.dim() - 1, validate_args=False)

    def sample(self):
        return self.rsample()
