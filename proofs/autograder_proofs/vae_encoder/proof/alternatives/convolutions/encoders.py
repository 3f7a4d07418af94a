"""Strided convolutions with batch normalisation, dropout; rows by a deep network with a skip."""

import torch
from torch import nn


class ImageEncoder(nn.Module):
    def __init__(self, latent=3, side=8):
        super().__init__()
        self.latent = latent
        self.body = nn.Sequential(
            nn.Conv2d(1, 6, 4, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1)
        )
        self.heads = nn.Linear(6 * (side // 2) ** 2, 2 * latent)

    def encode(self, x):
        return self.heads(self.body(x)).split(self.latent, dim=1)


class RowEncoder(nn.Module):
    def __init__(self, inputs, classes, latent):
        super().__init__()
        self.first, self.second = nn.Linear(inputs + classes, 32), nn.Linear(32, 32)
        self.mean, self.logvar = nn.Linear(32, latent), nn.Linear(32, latent)

    def forward(self, rows):
        hidden = nn.functional.gelu(self.first(rows))
        hidden = hidden + torch.relu(self.second(hidden))
        return self.mean(hidden), self.logvar(hidden)
