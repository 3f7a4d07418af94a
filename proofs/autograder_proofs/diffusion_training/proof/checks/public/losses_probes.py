"""A small network that learns from your losses. It runs beside your file."""

import torch
from torch import nn
from torch.nn.functional import silu

from autograder.sandbox.jailed.trainee import Trainee

T = 100


class SmallDenoiser(nn.Module):
    """Predicts the noise in images ``(batch, 1, 8, 8)`` at time indices ``(batch,)``."""

    def __init__(self):
        super().__init__()
        self.time, self.scale = nn.Linear(8, 256), nn.Linear(8, 64)
        self.into, self.within, self.out = nn.Linear(64, 256), nn.Linear(256, 256), nn.Linear(256, 64)

    def forward(self, x, t):
        """Noise of the shape of x."""
        waves = (torch.arange(8) * torch.pi * t[:, None] / T).cos()
        flat = x.flatten(1)
        features = silu(self.into(flat) + self.time(waves))
        return (self.scale(waves) * flat + self.out(features + silu(self.within(features)))).reshape(x.shape)


def squared(loss, model):
    """A network that learns from a loss of the model and a batch."""
    return Trainee(model, lambda x: loss(model, x))


def absolute(loss, model):
    """The same for a loss at times that are drawn here."""
    return Trainee(model, lambda x: loss(model, x, torch.randint(0, T, (len(x),))))
