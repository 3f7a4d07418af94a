"""A small network that predicts noise, for the checks of training: it learns in seconds."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SmallDenoiser(nn.Module):
    """Predicts the noise in images ``(B, 1, H, W)``, H and W even, at time indices ``(B,)`` out of ``timesteps``."""

    def __init__(self, timesteps: int, width: int = 32) -> None:
        super().__init__()
        self.timesteps, self.width = timesteps, width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 4 * width))
        self.fine = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.wide = nn.Conv2d(2 * width, 2 * width, 3, padding=2, dilation=2)
        self.up = nn.Conv2d(3 * width, width, 3, padding=1)
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        waves = torch.arange(1, self.width // 2 + 1) * math.pi / 2
        angles = (t.float() / self.timesteps)[:, None] * waves
        first, second = self.time(torch.cat([angles.sin(), angles.cos()], 1))[:, :, None, None].chunk(2, dim=1)
        fine = F.silu(self.fine(x))
        coarse = F.silu(self.down(fine) + first)
        coarse = coarse + F.silu(self.coarse(coarse) + second)
        coarse = coarse + F.silu(self.wide(coarse))
        return self.out(F.silu(self.up(torch.cat([F.interpolate(coarse, scale_factor=2), fine], dim=1))))
