"""Transposed convolutions with batch normalisation; rows by a deep network with dropout."""

import torch
from torch import nn


class ImageDecoder(nn.Module):
    def __init__(self, latent=3, side=8):
        super().__init__()
        half = side // 2
        self.body = nn.Sequential(
            nn.Linear(latent, 6 * half**2),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (6, half, half)),
            nn.BatchNorm2d(6),
            nn.ConvTranspose2d(6, 1, 4, stride=2, padding=1),
        )

    def decode(self, z):
        return torch.sigmoid(self.body(z))


class RowDecoder(nn.Module):
    def __init__(self, latent, classes, outputs, squashed):
        super().__init__()
        layers = [nn.Linear(latent + classes, 40), nn.LayerNorm(40), nn.GELU(), nn.Dropout(0.2), nn.Linear(40, 40)]
        self.body = nn.Sequential(
            *layers, nn.ELU(), nn.Linear(40, outputs), nn.Sigmoid() if squashed else nn.Identity()
        )

    def forward(self, z):
        return self.body(z)
