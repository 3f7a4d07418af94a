"""The distribution object of PyTorch, where an assignment does not forbid it."""

import torch


def sample(mean, logvar):
    return torch.distributions.Normal(mean, (logvar / 2).exp()).rsample()
