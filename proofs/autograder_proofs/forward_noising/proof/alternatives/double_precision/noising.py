"""Tables of roots in float64, picked by gather; the cosine's alpha-bar is not clipped."""

import math

import torch

LEVEL = torch.cumprod(1 - torch.linspace(1e-3, 0.08, 100, dtype=torch.float64), 0)
TABLES = torch.stack([LEVEL.sqrt(), (1 - LEVEL).sqrt()])


def q_sample(x_0, t, noise=None):
    if noise is None:
        noise = torch.randn(x_0.shape, dtype=torch.float64)
    signal, spread = (table.gather(0, t)[:, None, None, None] for table in TABLES)
    return signal * x_0 + spread * noise


class Diffusion:
    def __init__(self, timesteps):
        angle = (torch.arange(timesteps + 1, dtype=torch.float64) / timesteps + 0.008) / 1.008 * math.pi / 2
        level = (angle.cos() / angle[0].cos()) ** 2
        self.signal, self.spread = level[1:].sqrt(), (1 - level[1:]).sqrt()

    def noised(self, clean, index, noise):
        return torch.stack(
            [self.signal[i] * one + self.spread[i] * other for i, one, other in zip(index, clean, noise, strict=True)]
        )
