"""Mean and log-variance of q(z|x), by layers of any kind."""

import torch
import torch.nn.functional as F  # noqa: F401
from torch import nn


class ImageEncoder(nn.Module):
    """Images (batch, 1, side, side); two heads."""

    def __init__(self, latent=3, side=8):
        """Make the layers."""
        super().__init__()
        ### BEGIN SOLUTION
        self.encoder = nn.Sequential(nn.Linear(side**2, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU())
        self.mean_head = nn.Linear(20, latent)
        self.logvar_head = nn.Linear(20, latent)
        ### END SOLUTION

    def encode(self, x):
        """Mean and log-variance, (batch, latent) each."""
        features = self.encoder(x.flatten(1))
        return self.mean_head(features), self.logvar_head(features)


class RowEncoder(nn.Module):
    """Rows (batch, inputs) beside one-hot classes (batch, classes); one network, whose output is split."""

    def __init__(self, inputs, classes, latent):
        """Make the network."""
        super().__init__()
        ### BEGIN SOLUTION
        self.network = nn.Sequential(nn.Linear(inputs + classes, 24), nn.ReLU(), nn.Linear(24, 2 * latent))
        ### END SOLUTION

    def forward(self, rows):
        """Mean and log-variance, (batch, latent) each."""
        return torch.chunk(self.network(rows), 2, dim=1)
