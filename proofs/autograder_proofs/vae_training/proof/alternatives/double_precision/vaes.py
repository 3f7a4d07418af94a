"""The same in float64, with another activation."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


def network(inputs, outputs):
    """Two hidden layers."""
    layers = [nn.Linear(inputs, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, outputs)]
    return nn.Sequential(*layers).double()


def draw(mean, logvar):
    """A sample of q(z|x) for each row."""
    return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


def divergence(mean, logvar):
    """KL(q(z|x) || N(0, I)) of each row."""
    return 0.5 * (mean**2 + logvar.exp() - logvar - 1).sum(1)


class ColourVAE(nn.Module):
    """Images (batch, 3, 16, 16) in [-1, 1]."""

    def __init__(self, latent):
        super().__init__()
        self.encoder, self.decoder = network(768, 2 * latent), network(latent, 768)

    def encode(self, x):
        """Mean and log-variance of q(z|x)."""
        return self.encoder(x.flatten(1).double()).chunk(2, dim=1)

    def decode(self, z):
        """The mean of p(x|z)."""
        return self.decoder(z.double()).reshape(-1, 3, 16, 16)

    def loss(self, x):
        """The negative ELBO of the batch, per image, for a Gaussian of variance 1, without its constant."""
        mean, logvar = self.encode(x)
        squares = (self.decode(draw(mean, logvar)) - x).square().flatten(1).sum(1)
        return (squares / 2 + divergence(mean, logvar)).mean()


class ClassVAE(nn.Module):
    """Images (batch, 1, 14, 14) in [0, 1], and classes (batch, 10)."""

    def __init__(self, latent):
        super().__init__()
        self.encoder, self.decoder = network(196 + 10, 2 * latent), network(latent + 10, 196)

    def encode(self, x, c):
        """Mean and log-variance of q(z|x, c)."""
        return self.encoder(torch.cat([x.flatten(1), c], dim=1).double()).chunk(2, dim=1)

    def decode(self, z, c):
        """Logits of p(x|z, c), flat."""
        return self.decoder(torch.cat([z, c], dim=1).double())

    def loss(self, x, c):
        """The negative ELBO of the batch, per image."""
        mean, logvar = self.encode(x, c)
        logits = self.decode(draw(mean, logvar), c)
        entropy = binary_cross_entropy_with_logits(logits, x.flatten(1).double(), reduction="none").sum(1)
        return (entropy + divergence(mean, logvar)).mean()


class Autoencoder(nn.Module):
    """Flat images (batch, 196) in [0, 1], by way of codes of two numbers."""

    def __init__(self, latent):
        super().__init__()
        self.encoder, self.decoder = network(196, latent), network(latent, 196)

    def encode(self, x):
        """Codes (batch, latent)."""
        return self.encoder(x.double())

    def decode(self, z):
        """Images of codes."""
        return self.decoder(z.double())

    def loss(self, x):
        """The mean squared error."""
        return (self.decode(self.encode(x)) - x).square().mean()
