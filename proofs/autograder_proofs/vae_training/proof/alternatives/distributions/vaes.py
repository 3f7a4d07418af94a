"""The same with distributions and one convolution."""

import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence


def prior(z):
    """N(0, I)."""
    return Independent(Normal(torch.zeros_like(z), torch.ones_like(z)), 1)


def distribution(mean, logvar):
    """q(z|x)."""
    return Independent(Normal(mean, (logvar / 2).exp()), 1)


class ColourVAE(nn.Module):
    """Images (batch, 3, 16, 16) in [-1, 1]."""

    def __init__(self, latent):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.SiLU(), nn.Flatten(), nn.Linear(256, 128), nn.SiLU())
        self.mean, self.logvar = nn.Linear(128, latent), nn.Linear(128, latent)
        self.pixels = nn.Sequential(
            nn.Linear(latent, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 768)
        )

    def encode(self, x):
        """Mean and log-variance of q(z|x)."""
        features = self.features(x)
        return self.mean(features), self.logvar(features)

    def decode(self, z):
        """The mean of p(x|z), flat."""
        return self.pixels(z)

    def loss(self, x):
        """The negative ELBO of the batch, per image, for a Gaussian of variance 1."""
        q = distribution(*self.encode(x))
        z = q.rsample()
        likelihood = Independent(Normal(self.decode(z), 1.0), 1).log_prob(x.flatten(1))
        return (kl_divergence(q, prior(z)) - likelihood).mean()


class ClassVAE(nn.Module):
    """Images (batch, 1, 14, 14) in [0, 1], and classes (batch, 10)."""

    def __init__(self, latent):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(206, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU())
        self.mean, self.logvar = nn.Linear(128, latent), nn.Linear(128, latent)
        self.pixels = nn.Sequential(
            nn.Linear(latent + 10, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 196)
        )

    def encode(self, x, c):
        """Mean and log-variance of q(z|x, c)."""
        features = self.features(torch.cat([x.flatten(1), c], dim=1))
        return self.mean(features), self.logvar(features)

    def decode(self, z, c):
        """Logits of p(x|z, c)."""
        return self.pixels(torch.cat([z, c], dim=1)).reshape(-1, 1, 14, 14)

    def loss(self, x, c):
        """The negative ELBO of the batch, per image."""
        q = distribution(*self.encode(x, c))
        z = q.rsample()
        logits = self.decode(z, c)
        entropy = (nn.functional.softplus(logits) - x * logits).flatten(1).sum(1)
        return (kl_divergence(q, prior(z)) + entropy).mean()


class Autoencoder(nn.Module):
    """Flat images (batch, 196) in [0, 1], by way of codes of two numbers."""

    def __init__(self, latent):
        super().__init__()
        self.into = nn.Sequential(nn.Linear(196, 128), nn.SiLU(), nn.Linear(128, 64), nn.SiLU(), nn.Linear(64, latent))
        self.out = nn.Sequential(nn.Linear(latent, 64), nn.SiLU(), nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 196))

    def encode(self, x):
        """Codes (batch, latent)."""
        return self.into(x)

    def decode(self, z):
        """Images of codes, between 0 and 1."""
        return self.out(z).sigmoid()

    def loss(self, x):
        """The squared error of an image."""
        return (self.decode(self.encode(x)) - x).square().sum(1).mean()
