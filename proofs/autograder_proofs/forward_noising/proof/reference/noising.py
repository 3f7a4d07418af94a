"""Forward noising: x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) e, equation 4 of Ho et al. (2020)."""

import math

import torch

ALPHAS = 1 - torch.linspace(1e-3, 0.08, 100)


def q_sample(x_0, t, noise=None):
    """Images (batch, channels, height, width) at the time indices t (batch,); noise is drawn where none is given."""
    ### BEGIN SOLUTION
    level = ALPHAS.cumprod(0)[t].reshape(-1, 1, 1, 1)
    noise = torch.randn_like(x_0) if noise is None else noise
    return level.sqrt() * x_0 + (1 - level).sqrt() * noise
    ### END SOLUTION


class Diffusion:
    """A diffusion with the cosine schedule."""

    def __init__(self, timesteps):
        angle = (torch.arange(timesteps + 1, dtype=torch.float64) / timesteps + 0.008) / 1.008 * math.pi / 2
        level = angle.cos() ** 2
        self.alphas = (level[1:] / level[:-1]).clamp(0.001, 1)

    def noised(self, clean, index, noise):
        """Images (batch, channels, height, width) at the time indices (batch,), with this noise."""
        ### BEGIN SOLUTION
        level = self.alphas.cumprod(0).float()[index].reshape(-1, 1, 1, 1)
        return level.sqrt() * clean + (1 - level).sqrt() * noise
        ### END SOLUTION
