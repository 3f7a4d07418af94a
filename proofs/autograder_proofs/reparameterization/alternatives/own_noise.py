"""Noise drawn by itself, the root taken of the variance."""

import torch


def sample(mean, logvar):
    noise = torch.empty(mean.shape, dtype=mean.dtype).normal_()
    return torch.addcmul(mean, logvar.exp().sqrt(), noise)
