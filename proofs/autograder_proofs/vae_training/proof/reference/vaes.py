"""Three small models that learn from small pictures."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


def network(inputs, outputs):
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, outputs))


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
        ### BEGIN SOLUTION
        return self.encoder(x.flatten(1)).chunk(2, dim=1)
        ### END SOLUTION

    def decode(self, z):
        """The mean of p(x|z)."""
        ### BEGIN SOLUTION
        return self.decoder(z).reshape(-1, 3, 16, 16)
        ### END SOLUTION

    def loss(self, x):
        """The negative ELBO of the batch, per image, for a Gaussian of variance 1, without its constant."""
        ### BEGIN SOLUTION
        mean, logvar = self.encode(x)
        squares = (self.decode(draw(mean, logvar)) - x).square().flatten(1).sum(1)
        return (squares / 2 + divergence(mean, logvar)).mean()
        ### END SOLUTION


class ClassVAE(nn.Module):
    """Images (batch, 1, 14, 14) in [0, 1], and classes (batch, 10)."""

    def __init__(self, latent):
        super().__init__()
        self.encoder, self.decoder = network(196 + 10, 2 * latent), network(latent + 10, 196)

    def encode(self, x, c):
        """Mean and log-variance of q(z|x, c)."""
        ### BEGIN SOLUTION
        return self.encoder(torch.cat([x.flatten(1), c], dim=1)).chunk(2, dim=1)
        ### END SOLUTION

    def decode(self, z, c):
        """Logits of p(x|z, c), flat."""
        ### BEGIN SOLUTION
        return self.decoder(torch.cat([z, c], dim=1))
        ### END SOLUTION

    def loss(self, x, c):
        """The negative ELBO of the batch, per image."""
        ### BEGIN SOLUTION
        mean, logvar = self.encode(x, c)
        logits = self.decode(draw(mean, logvar), c)
        entropy = binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1)
        return (entropy + divergence(mean, logvar)).mean()
        ### END SOLUTION


class Autoencoder(nn.Module):
    """Flat images (batch, 196) in [0, 1], by way of codes of two numbers."""

    def __init__(self, latent):
        super().__init__()
        self.encoder, self.decoder = network(196, latent), network(latent, 196)

    def encode(self, x):
        """Codes (batch, latent)."""
        ### BEGIN SOLUTION
        return self.encoder(x)
        ### END SOLUTION

    def decode(self, z):
        """Images of codes."""
        ### BEGIN SOLUTION
        return self.decoder(z)
        ### END SOLUTION

    def loss(self, x):
        """The mean squared error."""
        return (self.decode(self.encode(x)) - x).square().mean()
