"""As in the course: layers in lists, rows expanded and viewed, a VAE inside of the model of points."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


# %%
class AE(nn.Module):
    def __init__(self, input_dim, hidden_dims):
        super(AE, self).__init__()  # noqa: UP008
        self.encoder = nn.Sequential(
            nn.Linear(input_dim, hidden_dims[0]),
            nn.ReLU(),
            nn.Linear(hidden_dims[0], hidden_dims[1]),
            nn.ReLU(),
            nn.Linear(hidden_dims[1], hidden_dims[2]),
            nn.ReLU(),
            nn.Linear(hidden_dims[2], hidden_dims[3]),
        )
        self.decoder = nn.Sequential(
            nn.Linear(hidden_dims[3], hidden_dims[2]),
            nn.ReLU(),
            nn.Linear(hidden_dims[2], hidden_dims[1]),
            nn.ReLU(),
            nn.Linear(hidden_dims[1], hidden_dims[0]),
            nn.ReLU(),
            nn.Linear(hidden_dims[0], input_dim),
        )

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        z = self.encoder(x)
        return {"imgs": self.decoder(z)}


# %%
mse = nn.MSELoss()


def loss_func(model, x, reg_func=None, coeff=1e-3):
    output = model(x)
    logpx_z = -1.0 * mse(output["imgs"], x)
    if reg_func is not None:
        return -torch.mean(logpx_z + coeff * reg_func(output))
    return -logpx_z


loss_AE = lambda model, x: loss_func(model, x)  # noqa: E731

# %%
ae = AE(784, [128, 32, 16, 2])
optimizer = torch.optim.Adam(ae.parameters(), lr=1e-3)
for _ in range(20):
    for x, _ in DataLoader(datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor()), 256):
        loss = loss_AE(ae, x.flatten(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %%
class VAE(nn.Module):
    def __init__(self, input_dim, hidden_dims, decode_dim=-1, use_sigmoid=True):
        super().__init__()
        self.z_size = hidden_dims[-1] // 2
        encoder_layers = []
        decoder_layers = []
        in_dim = input_dim
        for i, h in enumerate(hidden_dims):
            encoder_layers.append(nn.Linear(in_dim, h))
            if i < len(hidden_dims) - 1:
                encoder_layers.append(nn.ReLU())
            in_dim = h
        in_dim = self.z_size
        for h in hidden_dims[:-1][::-1]:
            decoder_layers.append(nn.Linear(in_dim, h))
            decoder_layers.append(nn.ReLU())
            in_dim = h
        if decode_dim == -1:
            decode_dim = input_dim
        decoder_layers.append(nn.Linear(in_dim, decode_dim))
        if use_sigmoid:
            decoder_layers.append(nn.Sigmoid())
        self.encoder = nn.Sequential(*encoder_layers)
        self.decoder = nn.Sequential(*decoder_layers)

    def encode(self, x):
        mean, logvar = torch.split(self.encoder(x), split_size_or_sections=[self.z_size, self.z_size], dim=-1)
        return mean, logvar

    def reparameterize(self, mean, logvar, n_samples_per_z=1):
        std = torch.exp(logvar * 0.5)
        eps = torch.randn(mean.shape, device=mean.device)
        return eps * std + mean

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x, n_samples_per_z=1):
        mean, logvar = self.encode(x)
        batch_size, latent_dim = mean.shape
        if n_samples_per_z > 1:
            mean = mean.unsqueeze(1).expand(batch_size, n_samples_per_z, latent_dim)
            logvar = logvar.unsqueeze(1).expand(batch_size, n_samples_per_z, latent_dim)
            mean = mean.contiguous().view(batch_size * n_samples_per_z, latent_dim)
            logvar = logvar.contiguous().view(batch_size * n_samples_per_z, latent_dim)
        z = self.reparameterize(mean, logvar, n_samples_per_z)
        x_probs = self.decode(z)
        x_probs = x_probs.reshape(batch_size, n_samples_per_z, -1)
        x_probs = torch.mean(x_probs, dim=[1])
        return {"imgs": x_probs, "z": z, "mean": mean, "logvar": logvar}


# %%
log2pi = torch.log(torch.tensor(2.0 * np.pi)).to(device)
torch_zero = torch.tensor(0.0).to(device)


def log_normal_pdf(sample, mean, logvar, raxis=1):
    return torch.sum(-0.5 * ((sample - mean) ** 2.0 * torch.exp(-logvar) + logvar + log2pi), dim=raxis)


def loss_SGVB(output):
    log_prior = log_normal_pdf(output["z"], torch_zero, torch_zero)
    log_posterior = log_normal_pdf(output["z"], output["mean"], output["logvar"])
    return log_prior - log_posterior


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
class PointVAE(nn.Module):
    def __init__(self, hidden_dims):
        super().__init__()
        self.pos_enc = PositionalEncoding3D(10)
        self.vae = VAE(60, hidden_dims, decode_dim=3, use_sigmoid=False)

    def forward(self, x):
        return self.vae(self.pos_enc(x))


# %%
class TorusVAE(nn.Module):
    """Two points on circles; the network between them and space is a product of features."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
        self.up = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3))

    def angles(self, x):
        ring = x[:, :2].norm(dim=1)
        return torch.stack([torch.atan2(x[:, 1], x[:, 0]), torch.atan2(x[:, 2], ring - 1)], dim=1) + 0 * self.down(x)

    def at(self, angles):
        return self.up(torch.cat([angles.cos(), angles.sin()], dim=1))

    def loss(self, points):
        return mse(self.at(self.angles(points)), points)

    def path(self, start, end, steps):
        a, b = self.angles(torch.stack([start, end]))
        difference = torch.atan2((b - a).sin(), (b - a).cos())
        return torch.cat([self.at((a + t * difference)[None]) for t in torch.linspace(0, 1, steps)])
