"""Small networks with PyTorch's initial weights; sizes are asked of the layers, both heads are one product."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn


class DiagonalGaussianDistribution:
    def __init__(self, mean, logvar=None):
        self.mean = mean
        self.logvar = torch.zeros_like(mean) if logvar is None else logvar.clamp(-30.0, 20.0)

    def sample(self):
        return torch.stack(
            [m + (v / 2).exp() * torch.randn(m.shape) for m, v in zip(self.mean, self.logvar, strict=True)]
        )

    def kl(self):
        return 0.5 * (self.mean**2 + self.logvar.exp() - 1.0 - self.logvar).sum(1)

    def nll(self, sample, dims=(1, 2, 3)):
        total = 0.5 * (math.log(2 * math.pi) + self.logvar + (sample - self.mean) ** 2 / self.logvar.exp())
        for dim in sorted([dims] if isinstance(dims, int) else dims, reverse=True):
            total = total.sum(dim=dim)
        return total

    def mode(self):
        return self.mean


class Convolutions(nn.Sequential):
    def __init__(self, channels, features, side):
        widths = [channels, features, 2 * features, 4 * features]
        stages = [(nn.Conv2d(a, b, 3, 2, 1), nn.ReLU()) for a, b in pairwise(widths)]
        super().__init__(*(layer for stage in stages for layer in stage), nn.Flatten())
        self.out_features = 4 * features * (side // 8) ** 2


class VAE(nn.Module):
    def __init__(
        self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device="cuda:0"
    ):
        super().__init__()
        self.z_dim, self.in_channels, self.device = z_dim, in_channels, torch.device(device)
        self.encoder = Convolutions(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        g, side = decoder_features, input_size // 8
        self.decoder = nn.Sequential(
            nn.Linear(z_dim, 4 * g * side**2),
            nn.ReLU(),
            nn.Unflatten(1, (4 * g, side, side)),
            nn.ConvTranspose2d(4 * g, 2 * g, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * g, g, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(g, in_channels, 4, 2, 1),
        )
        self.to(self.device)

    def encode(self, x):
        features = self.encoder(x).view(-1, self.encoder.out_features)
        weight = torch.cat([self.mean.weight, self.logvar.weight])
        both = F.linear(features, weight, torch.cat([self.mean.bias, self.logvar.bias]))
        return DiagonalGaussianDistribution(*both.chunk(2, -1))

    def decode(self, z):
        return DiagonalGaussianDistribution(self.decoder(z.view(-1, self.mean.out_features)))

    def sample(self, batch_size):
        zeros = torch.zeros((batch_size, self.mean.out_features), device=self.mean.weight.device)
        return self.decode(DiagonalGaussianDistribution(zeros).sample()).mode()

    def log_likelihood(self, x, K=100):
        zeros = torch.zeros(x.size(0), self.logvar.out_features, device=x.device)
        prior, posterior, weights = DiagonalGaussianDistribution(zeros, zeros), self.encode(x), []
        for _ in range(K):
            z = posterior.sample()
            weights.append(posterior.nll(z, dims=[1]) - self.decode(z).nll(x) - prior.nll(z, dims=[1]))
        return torch.logsumexp(torch.stack(weights), 0) - math.log(K)

    def forward(self, x):
        posterior = self.encode(x)
        likelihood = self.decode(posterior.sample())
        return likelihood.mode(), likelihood.nll(x), posterior.kl()


def interpolate(model, z_1, z_2, n_samples):
    images = torch.empty(n_samples, model.in_channels, 32, 32, device=model.device)
    for i, weight in enumerate(torch.linspace(0, 1, n_samples)):
        ends = z_1.view(1, model.z_dim), z_2.view(1, model.z_dim)
        images[i : i + 1] = model.decode(torch.lerp(*ends, weight)).mode()
    return images
