"""The library's distributions, other activations, more layers, and networks with names of their own."""

from itertools import pairwise

import numpy as np
import torch
import torch.distributions as td
import torch.nn as nn

mse = nn.MSELoss()
log2pi = float(np.log(2 * np.pi))
torch_zero = torch.tensor(0.0)


# %%
def stack(widths, last=None):
    """Two layers for each width, ELU between them."""
    layers = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ELU(), nn.Linear(b, b), nn.ELU()]
    layers = layers[:-1]
    return nn.Sequential(*layers, *([last] if last is not None else []))


class AE(nn.Module):
    def __init__(self, input_dim, hidden_dims):
        super().__init__()
        self.down = stack([input_dim, *hidden_dims])
        self.up = stack([*hidden_dims[::-1], input_dim], nn.Sigmoid())

    def decode(self, z):
        return self.up(z)

    def forward(self, x):
        z = self.down(x)
        return {"imgs": self.up(z), "z": z}


# %%
def loss_func(model, x, reg_func=None, coeff=1e-3):
    output = model(x)
    loss = mse(output["imgs"], x)
    if reg_func is not None:
        loss = loss - coeff * reg_func(output).mean()
    return loss


def loss_AE(model, x):
    return loss_func(model, x)


# %%
class VAE(nn.Module):
    def __init__(self, input_dim, hidden_dims, decode_dim=-1, use_sigmoid=True):
        super().__init__()
        self.z_size = hidden_dims[-1] // 2
        self.trunk = nn.Sequential(stack([input_dim, *hidden_dims[:-1]]), nn.ELU())
        self.to_mean = nn.Linear(hidden_dims[-2], self.z_size)
        self.to_logvar = nn.Linear(hidden_dims[-2], self.z_size)
        width = decode_dim if decode_dim > 0 else input_dim
        self.up = stack([self.z_size, *hidden_dims[:-1][::-1], width], nn.Sigmoid() if use_sigmoid else None)

    def encode(self, x):
        h = self.trunk(x)
        return self.to_mean(h), self.to_logvar(h)

    def reparameterize(self, mean, logvar, n_samples_per_z=1):
        return td.Normal(mean, torch.exp(logvar / 2), validate_args=False).rsample()

    def decode(self, z):
        return self.up(z)

    def forward(self, x, n_samples_per_z=1):
        mean, logvar = (torch.repeat_interleave(part, n_samples_per_z, 0) for part in self.encode(x))
        z = self.reparameterize(mean, logvar, n_samples_per_z)
        imgs = self.decode(z).unflatten(0, (-1, n_samples_per_z)).mean(1)
        return dict(imgs=imgs, z=z, mean=mean, logvar=logvar)  # noqa: C408


def log_normal_pdf(sample, mean, logvar, raxis=1):
    return td.Normal(mean, torch.exp(logvar / 2), validate_args=False).log_prob(sample).sum(raxis)


def loss_SGVB(output):
    log_prior = log_normal_pdf(output["z"], torch_zero, torch_zero)
    log_posterior = log_normal_pdf(output["z"], output["mean"], output["logvar"])
    return log_prior - log_posterior


# %%
def loss_KL_wo_E(output):
    posterior = td.Normal(output["mean"], torch.exp(output["logvar"] / 2), validate_args=False)
    return -td.kl_divergence(posterior, td.Normal(0.0, 1.0)).sum(1)


# %%
def generate_torus_point_cloud(R=1.0, r=0.5, num_points=1000, seed=0):
    rng = np.random.default_rng(seed)
    around, tube = 2 * np.pi * rng.random((2, num_points))
    distance = R + r * np.cos(tube)
    points = np.stack([distance * np.cos(around), distance * np.sin(around), r * np.sin(tube)], axis=1)
    return torch.tensor(points, dtype=torch.float32)


class PositionalEncoding3D(nn.Module):
    def __init__(self, num_frequencies=10):
        super().__init__()
        self.register_buffer("frequencies", 1.0 + torch.arange(num_frequencies))

    def forward(self, points):
        angles = points[:, :, None] * self.frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)


# %%
class PointVAE(VAE):
    def __init__(self, hidden_dims):
        super().__init__(60, hidden_dims, decode_dim=3, use_sigmoid=False)
        self.positional_encoding = PositionalEncoding3D(num_frequencies=10)

    def encode(self, x):
        return super().encode(self.positional_encoding(x))


# %%
class TorusVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.positional_encoding = PositionalEncoding3D(num_frequencies=2)
        self.encoder = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))

    def loss(self, points):
        angles = self.angles(points)
        noisy = angles + 0.05 * torch.randn_like(angles)
        return mse(self.at(noisy), points)

    def path(self, start, end, steps):
        first, last = self.angles(torch.stack([start, end]))
        turn = torch.remainder(last - first + torch.pi, 2 * torch.pi) - torch.pi  # the short way round
        return self.at(first + torch.linspace(0, 1, steps, device=start.device)[:, None] * turn)

    def angles(self, points):
        pairs = self.encoder(self.positional_encoding(points)).reshape(-1, 2, 2)
        return torch.atan2(pairs[..., 1], pairs[..., 0])

    def at(self, angles):
        turns = torch.cat([angles, angles.sum(1, keepdim=True), angles[:, :1] - angles[:, 1:]], dim=1)
        return self.decoder(torch.cat([turns.cos(), turns.sin()], dim=1))

    ### END SOLUTION
