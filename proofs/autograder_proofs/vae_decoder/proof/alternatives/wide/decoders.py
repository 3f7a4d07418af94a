"""One wide layer, in float64, and probabilities by tanh."""

import torch
from torch import nn


class ImageDecoder(nn.Module):
    def __init__(self, latent=3, side=8):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(latent, 60), nn.Linear(60, side**2)]).double()
        nn.init.zeros_(self.layers[1].bias)

    def decode(self, z):
        hidden = torch.tanh(self.layers[0](z.double()))
        return (0.5 * (1 + torch.tanh(self.layers[1](hidden) / 2))).float()


class RowDecoder(nn.Module):
    def __init__(self, latent, classes, outputs, squashed):
        super().__init__()
        self.squashed, self.latent = squashed, latent
        self.of_codes, self.of_classes = nn.Linear(latent, 50), nn.Embedding(classes, 50)
        self.last = nn.Linear(50, outputs)

    def forward(self, z):
        code, classes = z[:, : self.latent], z[:, self.latent :]
        found = self.last(nn.functional.silu(self.of_codes(code) + classes @ self.of_classes.weight))
        return torch.distributions.Bernoulli(logits=found).mean if self.squashed else found
