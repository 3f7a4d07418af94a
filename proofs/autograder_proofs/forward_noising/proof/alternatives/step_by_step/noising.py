"""The factors worked out image by image, in a loop over the steps."""

import math
from itertools import pairwise

import torch


def factors(alphas, index):
    signal = 1.0
    for alpha in alphas[: index + 1]:
        signal *= math.sqrt(alpha)
    return signal, math.sqrt(1 - signal**2)


def mixed(alphas, images, indices, noise):
    pairs = [factors(alphas, int(index)) for index in indices]
    signal, spread = (torch.tensor(part).view(-1, 1, 1, 1) for part in zip(*pairs, strict=True))
    return torch.addcmul(signal * images, spread, noise)


def q_sample(x_0, t, noise=None):
    alphas = [1 - (1e-3 + (0.08 - 1e-3) * step / 99) for step in range(100)]
    return mixed(alphas, x_0, t, torch.randn(x_0.shape) if noise is None else noise)


class Diffusion:
    def __init__(self, timesteps):
        level = [math.cos((step / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2 for step in range(timesteps + 1)]
        self.alphas = [min(max(new / old, 0.001), 1.0) for old, new in pairwise(level)]

    def noised(self, clean, index, noise):
        return mixed(self.alphas, clean, index, noise)
