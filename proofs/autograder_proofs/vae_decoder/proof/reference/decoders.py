"""What is decoded from codes, by layers of any kind."""

import torch  # noqa: F401
from torch import nn


class ImageDecoder(nn.Module):
    """Codes (batch, latent) to probabilities of ink, as images (batch, 1, side, side) or flat."""

    def __init__(self, latent=3, side=8):
        """Make the layers."""
        super().__init__()
        ### BEGIN SOLUTION
        self.decoder = nn.Sequential(
            nn.Linear(latent, 20), nn.ReLU(), nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, side**2), nn.Sigmoid()
        )
        ### END SOLUTION

    def decode(self, z):
        """Probabilities (batch, 1, side, side) or (batch, side * side)."""
        return self.decoder(z)


class RowDecoder(nn.Module):
    """Codes beside one-hot classes (batch, latent + classes) to rows (batch, outputs), in (0, 1) if `squashed`."""

    def __init__(self, latent, classes, outputs, squashed):
        """Make the network."""
        super().__init__()
        ### BEGIN SOLUTION
        self.network = nn.Sequential(nn.Linear(latent + classes, 24), nn.ReLU(), nn.Linear(24, outputs))
        if squashed:
            self.network.append(nn.Sigmoid())
        ### END SOLUTION

    def forward(self, z):
        """Rows of numbers."""
        return self.network(z)
