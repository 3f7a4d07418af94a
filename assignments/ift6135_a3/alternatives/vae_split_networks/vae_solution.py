"""A decoder in two parts, an encoder that gives maps, chunks of importance samples that are added up as they come."""

from __future__ import annotations

import math

import torch
from torch import nn

CHUNK = 7


class DiagonalGaussianDistribution:
    def __init__(self, mean: torch.Tensor, logvar: torch.Tensor | None = None) -> None:
        self.mean = mean
        self.logvar = torch.zeros_like(mean) if logvar is None else torch.clamp(logvar, -30.0, 20.0)
        self.var = torch.exp(self.logvar)
        self.std = torch.sqrt(self.var)

    def sample(self, noise: torch.Tensor | None = None) -> torch.Tensor:
        return self.mean + self.std * (torch.randn(self.mean.size()) if noise is None else noise)

    def kl(self) -> torch.Tensor:
        return -0.5 * (1 + self.logvar - self.mean**2 - self.var).sum(dim=1)

    def nll(self, sample: torch.Tensor, dims: list[int] | int = [1, 2, 3]) -> torch.Tensor:  # noqa: B006
        constant = 0.5 * math.log(2 * math.pi)
        per_entry = constant + torch.log(self.std) + (sample - self.mean) ** 2 / (2 * self.var)
        return torch.sum(per_entry, dims)

    def mode(self) -> torch.Tensor:
        return self.mean


class VAE(nn.Module):
    def __init__(
        self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device="cuda:0"
    ) -> None:
        super().__init__()
        self.z_dim, self.map_size = z_dim, input_size // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, encoder_features, 4, 2, 1),
            nn.BatchNorm2d(encoder_features),
            nn.ReLU(),
            nn.Conv2d(encoder_features, encoder_features, 4, 2, 1),
        )
        features = encoder_features * self.map_size**2
        self.mean = nn.Linear(features, z_dim)
        self.logvar = nn.Linear(features, z_dim)
        self.decoder_input = nn.Linear(z_dim, decoder_features * self.map_size**2)
        self.decoder = nn.Sequential(
            nn.BatchNorm2d(decoder_features),
            nn.ConvTranspose2d(decoder_features, decoder_features, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(decoder_features, in_channels, 4, 2, 1),
        )
        self.to(device)

    def encode(self, x):
        maps = torch.flatten(self.encoder(x), start_dim=1)
        return DiagonalGaussianDistribution(self.mean(maps), self.logvar(maps))

    def decode(self, z):
        maps = self.decoder_input(z).view(z.shape[0], -1, self.map_size, self.map_size)
        return DiagonalGaussianDistribution(self.decoder(maps))

    def sample(self, batch_size):
        return self.decode(torch.randn([batch_size, self.z_dim])).mode()

    def log_likelihood(self, x, K=100):
        total = torch.full((x.shape[0],), -math.inf, dtype=torch.float64)
        for start in range(0, K, CHUNK):
            size = min(CHUNK, K - start)
            images = x.repeat(size, 1, 1, 1)  # sample by sample: (size * batch, 3, 32, 32)
            q = self.encode(images)
            z = q.sample()
            prior = DiagonalGaussianDistribution(torch.zeros_like(z), torch.zeros_like(z))
            weights = q.nll(z, [1]) - prior.nll(z, [1]) - self.decode(z).nll(images)
            total = torch.logaddexp(total, weights.view(size, -1).double().logsumexp(0))
        return total - math.log(K)

    def forward(self, x):
        q_z = self.encode(x)
        p_x = self.decode(q_z.sample())
        return [p_x.mode(), p_x.nll(x), q_z.kl()]


def interpolate(model, z_1, z_2, n_samples):
    step = (z_2 - z_1) / (n_samples - 1)
    points = [z_1 + k * step for k in range(n_samples)]
    return model.decode(torch.cat(points, 0)).mode()
