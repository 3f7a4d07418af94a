"""Float64 inside, parameters written out, a sigmoid in `decode`, LayerNorm and GELU."""

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

mse = nn.MSELoss()
log2pi = math.log(2 * math.pi)
torch_zero = torch.zeros(())


# %%
class Perceptron(nn.Module):
    """Fully connected layers in float64."""

    def __init__(self, widths, normalise=False):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(widths))
        inner = widths[1:-1]
        self.norms = nn.ModuleList(nn.LayerNorm(w, dtype=torch.float64) if normalise else nn.Identity() for w in inner)

    def forward(self, x):
        x = x.double()
        for layer, norm in zip(self.layers[:-1], self.norms, strict=True):
            x = F.gelu(norm(layer(x)))
        return self.layers[-1](x)


class AE(nn.Module):
    def __init__(self, input_dim, hidden_dims):
        super().__init__()
        self.encoder = Perceptron([input_dim, *hidden_dims])
        self.decoder = Perceptron([*hidden_dims[::-1], input_dim])

    def decode(self, z):
        return torch.sigmoid(self.decoder(z)).float()

    def forward(self, x):
        return {"imgs": self.decode(self.encoder(x))}


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
        self.z_size = int(hidden_dims[-1] / 2)
        self.use_sigmoid = use_sigmoid
        self.encoder = Perceptron([input_dim, *hidden_dims], normalise=True)
        output = {-1: input_dim}.get(decode_dim, decode_dim)
        self.decoder = Perceptron([self.z_size, *hidden_dims[-2::-1], output])

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=-1)

    def reparameterize(self, mean, logvar, n_samples_per_z=1):
        noise = torch.randn(*mean.shape, dtype=torch.float64)
        return torch.addcmul(mean.double(), torch.sqrt(logvar.double().exp()), noise)

    def decode(self, z):
        out = self.decoder(z)
        return (torch.special.expit(out) if self.use_sigmoid else out).float()

    def forward(self, x, n_samples_per_z=1):
        mean, logvar = self.encode(x)
        mean = mean[:, None].tile(1, n_samples_per_z, 1).reshape(-1, self.z_size)
        logvar = logvar[:, None].tile(1, n_samples_per_z, 1).reshape(-1, self.z_size)
        z = self.reparameterize(mean, logvar, n_samples_per_z)
        imgs = self.decode(z).view(len(x), n_samples_per_z, -1).mean(dim=1)
        return {"imgs": imgs, "z": z, "mean": mean, "logvar": logvar, "n": n_samples_per_z}


def log_normal_pdf(sample, mean, logvar, raxis=1):
    sample, mean, logvar = (part.double() for part in torch.broadcast_tensors(sample, mean, logvar))
    return -(math.log(math.sqrt(2 * math.pi)) + logvar / 2 + (sample - mean).square() / logvar.exp() / 2).sum(raxis)


def loss_SGVB(output):
    log_prior = log_normal_pdf(output["z"], torch_zero, torch_zero)
    log_posterior = log_normal_pdf(output["z"], output["mean"], output["logvar"])
    return log_prior - log_posterior


# %%
def loss_KL_wo_E(output):
    mean, logvar = output["mean"].double(), output["logvar"].double()
    return -0.5 * (mean.pow(2) + torch.expm1(logvar) - logvar).sum(-1)


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
