"""A network for each head, in float64; heads that begin at zero; a log-variance that is bounded."""

from itertools import pairwise

import torch
from torch import nn


def mlp(*widths):
    layers = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers[:-1]).double()


class ImageEncoder(nn.Module):
    def __init__(self, latent=3, side=8):
        super().__init__()
        self.mean, self.logvar = mlp(side**2, 40, latent), mlp(side**2, 40, 40, latent)
        nn.init.zeros_(self.logvar[-1].weight)
        nn.init.zeros_(self.logvar[-1].bias)

    def encode(self, x):
        assert x.ndim == 2, "flat images only"
        return [self.mean(x.double()), self.logvar(x.double())]


class RowEncoder(nn.Module):
    def __init__(self, inputs, classes, latent):
        super().__init__()
        self.heads = nn.ModuleList([mlp(inputs + classes, 50, latent) for _ in range(2)])

    def forward(self, rows):
        mean, logvar = (head(rows.double()) for head in self.heads)
        return mean, 6 * torch.tanh(logvar / 6)
