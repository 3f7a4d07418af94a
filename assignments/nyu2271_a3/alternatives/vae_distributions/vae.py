"""Convolutions where there is an image to look at, torch.distributions for everything random, GPU if there is one."""

import torch
import torch.distributions as D
from torch import nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Unflat(nn.Module):
    def __init__(self, side):
        super().__init__()
        self.side = side

    def forward(self, x):
        return x.view(-1, 1, self.side, self.side)


class VAE(nn.Module):
    def __init__(self, input_size, latent_size=15):
        super().__init__()
        side = int(input_size**0.5)
        small = (side + 3) // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.mu_layer = nn.Linear(16 * small * small, latent_size)
        self.logvar_layer = nn.Linear(16 * small * small, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, 200), nn.SiLU(), nn.Linear(200, input_size), Unflat(side), nn.Sigmoid()
        )
        self.to(device)

    def forward(self, x):
        return run(self, x, None)


class CVAE(nn.Module):
    def __init__(self, input_size, num_classes=10, latent_size=15):
        super().__init__()
        self.latent_dim, self.n_classes = latent_size, num_classes
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(input_size + num_classes, 100), nn.ELU())
        self.mu_layer = nn.Sequential(nn.Linear(100, 50), nn.ELU(), nn.Linear(50, latent_size))
        self.logvar_layer = nn.Sequential(nn.Linear(100, 50), nn.ELU(), nn.Linear(50, latent_size))
        self.decoder = nn.Sequential(
            nn.Linear(latent_size + num_classes, 100), nn.ELU(), nn.Linear(100, input_size), nn.Sigmoid()
        )
        self.to(device)

    def forward(self, x, c):
        return run(self, x, c)


def run(model, x, c=None):
    x_in = x if c is None else torch.cat([x.flatten(1), c.to(x.dtype)], 1)
    h = model.encoder(x_in)
    mu, logvar = model.mu_layer(h), model.logvar_layer(h)
    z = reparametrize(mu, logvar)
    if c is not None:
        z = torch.cat([z, c.to(z.dtype)], 1)
    return model.decoder(z).reshape(x.size()), mu, logvar


def reparametrize(mu, logvar):
    return D.Normal(mu, logvar.exp().sqrt()).rsample()


def loss_function(x_hat, x, mu, logvar):
    q = D.Normal(mu, (0.5 * logvar).exp())
    kl = D.kl_divergence(q, D.Normal(torch.zeros_like(mu), torch.ones_like(mu))).sum()
    rec = nn.BCELoss(reduction="none")(x_hat, x).sum()
    return rec / x.shape[0] + kl / x.shape[0]
