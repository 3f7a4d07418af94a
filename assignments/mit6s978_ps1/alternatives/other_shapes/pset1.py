"""Batch normalisation, an autoencoder without a sigmoid, standardised samples, rows chosen by index."""

import numpy as np
import torch
from torch import nn

torch_zero = torch.tensor(0.0)
log2pi = torch.log(torch.tensor(2 * np.pi))
mse = nn.MSELoss(reduction="mean")


# %%
class AE(nn.Module):
    def __init__(self, input_dim, hidden_dims):
        super().__init__()
        modules, before = [], input_dim
        for width in hidden_dims[:-1]:
            modules += [nn.Linear(before, width), nn.BatchNorm1d(width), nn.LeakyReLU(0.1)]
            before = width
        self.features = nn.Sequential(*modules)
        self.to_code = nn.Linear(before, hidden_dims[-1])
        modules, before = [], hidden_dims[-1]
        for width in reversed(hidden_dims[:-1]):
            modules += [nn.Linear(before, width), nn.BatchNorm1d(width), nn.LeakyReLU(0.1)]
            before = width
        self.from_code = nn.Sequential(*modules, nn.Linear(before, input_dim))

    def encode(self, x):
        return self.to_code(self.features(x))

    def decode(self, z):
        return self.from_code(z)

    def forward(self, x):
        code = self.encode(x)
        return {"imgs": self.from_code(code), "code": code}


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
        self.output_dim = input_dim if decode_dim < 0 else decode_dim
        wide = [max(width, 16) for width in hidden_dims[:-1]]
        self.encoder = self.layers([input_dim, *wide, 2 * self.z_size])
        self.decoder = self.layers([self.z_size, *wide[::-1], self.output_dim])
        if use_sigmoid:
            self.decoder.append(nn.Sigmoid())

    @staticmethod
    def layers(widths):
        found = nn.Sequential()
        for k in range(1, len(widths)):
            if k > 1:
                found.append(nn.SiLU())
            found.append(nn.Linear(widths[k - 1], widths[k]))
        return found

    def encode(self, x):
        h = self.encoder(x)
        return h[:, : self.z_size], h[:, self.z_size :]

    def reparameterize(self, mean, logvar, n_samples_per_z=1):
        unit = torch.normal(torch.zeros_like(mean), torch.ones_like(mean))
        return mean + unit * logvar.mul(0.5).exp()

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x, n_samples_per_z=1):
        mean, logvar = self.encode(x)
        rows = torch.arange(len(x)).repeat_interleave(n_samples_per_z)
        mean, logvar = mean[rows], logvar[rows]
        z = self.reparameterize(mean, logvar, n_samples_per_z)
        imgs = torch.stack([part.mean(0) for part in self.decode(z).split(n_samples_per_z)])
        return {"z": z, "imgs": imgs, "logvar": logvar, "mean": mean}


def log_normal_pdf(sample, mean, logvar, raxis=1):
    standardised = (sample - mean) / torch.exp(0.5 * logvar)
    each = -0.5 * standardised**2 - 0.5 * logvar - 0.5 * log2pi
    return each.sum(dim=raxis)


def loss_SGVB(output):
    z, mean, logvar = output["z"], output["mean"], output["logvar"]
    return log_normal_pdf(z, torch_zero, torch_zero) - log_normal_pdf(z, mean, logvar)


# %%
def loss_KL_wo_E(output):
    mean, logvar = output["mean"], output["logvar"]
    return 0.5 * torch.sum(1 + logvar - mean**2 - torch.exp(logvar), dim=1)


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
