"""Convolutions in the VAE, whose decoder upsamples; three hidden layers in the CVAE."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence


class VAE(nn.Module):
    def __init__(self, input_size, latent_size=15):
        super().__init__()
        quarter = math.isqrt(input_size) // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * quarter**2, 200),
            nn.ReLU(),
        )
        self.mu_layer = nn.Linear(200, latent_size)
        self.logvar_layer = nn.Linear(200, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, 32 * quarter**2),
            nn.ReLU(),
            nn.Unflatten(1, (32, quarter, quarter)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu_layer(h), self.logvar_layer(h)
        return self.decoder(reparametrize(mu, logvar)), mu, logvar


class CVAE(nn.Module):
    def __init__(self, input_size, num_classes=10, latent_size=15):
        super().__init__()
        side = math.isqrt(input_size)
        self.encoder = nn.Sequential(
            nn.Linear(input_size + num_classes, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
        )
        self.mu_layer = nn.Linear(128, latent_size)
        self.logvar_layer = nn.Linear(128, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size + num_classes, 128),
            nn.ReLU(),
            nn.Linear(128, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, input_size),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, side, side)),
        )

    def forward(self, x, c):
        h = self.encoder(torch.cat((x.flatten(1), c), dim=1))
        mu, logvar = self.mu_layer(h), self.logvar_layer(h)
        return self.decoder(torch.cat((reparametrize(mu, logvar), c), dim=1)), mu, logvar


def reparametrize(mu, logvar):
    return Normal(mu, torch.exp(0.5 * logvar)).rsample()


def loss_function(x_hat, x, mu, logvar):
    posterior = Normal(mu, torch.exp(0.5 * logvar))
    kl = kl_divergence(posterior, Normal(torch.zeros_like(mu), torch.ones_like(mu)))
    return (F.binary_cross_entropy(x_hat, x, reduction="sum") + kl.sum()) / x.shape[0]
