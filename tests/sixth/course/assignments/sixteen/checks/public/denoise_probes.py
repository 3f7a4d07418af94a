"""A small network that learns velocities from your loss."""

import torch
from torch import nn
from torch.nn.functional import interpolate, silu

from autograder.sandbox.jailed.trainee import Trainee


class SmallNetwork(nn.Module):
    """Predicts velocities of pictures (batch, 3, 20, 20) at the times 1 .. 40."""

    def __init__(self, width=48):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 2 * width))
        self.register_buffer("frequencies", torch.linspace(0.02, 0.4, 8))
        self.fine = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.wide = nn.Conv2d(2 * width, 2 * width, 3, padding=2, dilation=2)
        self.up = nn.Conv2d(3 * width, width, 3, padding=1)
        self.out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x, t):
        """Velocities of the shape of the pictures."""
        moment = self.time((t[:, None] * self.frequencies).sin())[:, :, None, None]
        fine = silu(self.fine(x))
        coarse = silu(self.down(fine) + moment)
        coarse = coarse + silu(self.coarse(coarse))
        coarse = coarse + silu(self.wide(coarse))
        return self.out(silu(self.up(torch.cat([interpolate(coarse, scale_factor=2), fine], 1))))


def trainee(network, velocity_loss):
    """A network that learns by `velocity_loss`; times and noise are drawn here."""

    def loss(x):
        return velocity_loss(network, torch.randint(1, 41, (len(x),)), x, torch.randn_like(x))

    return Trainee(network, loss)
