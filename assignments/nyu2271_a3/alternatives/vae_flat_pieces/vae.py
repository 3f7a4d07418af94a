"""Pieces that know flat images alone; forward flattens and restores. Smooth activations, normalised layers."""

import itertools

import torch
from torch import nn


def stack(*widths, last):
    layers = []
    for before, after in itertools.pairwise(widths[:-1]):
        layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]), last)


class VAE(nn.Module):
    def __init__(self, input_size, latent_size=15, width=120):
        super().__init__()
        self.encoder = stack(input_size, 2 * width, width, last=nn.Tanh())
        self.mu_layer, self.logvar_layer = nn.Linear(width, latent_size), nn.Linear(width, latent_size)
        self.decoder = stack(latent_size, width, 2 * width, input_size, last=nn.Sigmoid())

    def forward(self, x):
        flat = x.flatten(start_dim=1)
        features = self.encoder(flat)
        mu, logvar = self.mu_layer(features), self.logvar_layer(features)
        return [self.decoder(reparametrize(mu, logvar)).view_as(x), mu, logvar]


class CVAE(VAE):
    def __init__(self, input_size, num_classes=10, latent_size=15):
        nn.Module.__init__(self)
        width = 64
        self.encoder = stack(input_size + num_classes, width, width, last=nn.Tanh())
        self.mu_layer, self.logvar_layer = nn.Linear(width, latent_size), nn.Linear(width, latent_size)
        self.decoder = stack(latent_size + num_classes, width, input_size, last=nn.Sigmoid())

    def forward(self, x, c):
        features = self.encoder(torch.hstack([torch.reshape(x, (c.shape[0], -1)), c]))
        mu, logvar = self.mu_layer(features), self.logvar_layer(features)
        z = torch.hstack([reparametrize(mu, logvar), c])
        return self.decoder(z).reshape_as(x), mu, logvar


def reparametrize(mu, logvar):
    return torch.addcmul(mu, (logvar / 2).exp(), torch.empty_like(mu).normal_())


def loss_function(x_hat, x, mu, logvar):
    tiny = 1e-12
    cross_entropy = -(x * torch.log(x_hat + tiny) + (1 - x) * torch.log(1 - x_hat + tiny))
    divergence = (mu * mu + torch.exp(logvar)) / 2 - logvar / 2 - 1 / 2
    per_image = cross_entropy.reshape(len(x), -1).sum(-1) + divergence.sum(-1)
    return per_image.mean()
