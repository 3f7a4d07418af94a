"""Problem 1, with einops everywhere."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from einops import rearrange, reduce, repeat
from networks import Decoder, Encoder
from torch import Tensor, nn


class VAEOutput(NamedTuple):
    reconstruction: Tensor
    nll: Tensor
    kl: Tensor


class DiagonalGaussianDistribution:
    __slots__ = ("logvar", "mean")

    def __init__(self, mean: Tensor, logvar: Tensor | None = None) -> None:
        self.mean = mean
        self.logvar = torch.zeros_like(mean) if logvar is None else logvar.clamp(min=-30.0, max=20.0)

    def sample(self) -> Tensor:
        return torch.addcmul(self.mean, (self.logvar / 2).exp(), torch.randn_like(self.mean))

    def kl(self) -> Tensor:
        return reduce(self.logvar.exp() + self.mean**2 - 1 - self.logvar, "b ... -> b", "sum") / 2

    def nll(self, sample: Tensor, dims: list[int] | int = [1, 2, 3]) -> Tensor:
        whitened = (sample - self.mean) * (-self.logvar / 2).exp()
        return (0.5 * (whitened**2 + self.logvar + math.log(math.tau))).sum(dim=dims)

    def mode(self) -> Tensor:
        return self.mean


class VAE(nn.Module):
    def __init__(
        self,
        in_channels: int = 3,
        decoder_features: int = 32,
        encoder_features: int = 32,
        z_dim: int = 100,
        input_size: int = 32,
        device: torch.device | str = torch.device("cuda:0"),
    ) -> None:
        super().__init__()
        self.z_dim, self.in_channels, self.device = z_dim, in_channels, torch.device(device)
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.to(self.device)

    def prior(self, *shape: int) -> DiagonalGaussianDistribution:
        return DiagonalGaussianDistribution(torch.zeros(*shape, self.z_dim, device=self.device))

    def encode(self, x: Tensor) -> DiagonalGaussianDistribution:
        h = self.encoder(x)
        return DiagonalGaussianDistribution(*(head(h) for head in (self.mean, self.logvar)))

    def decode(self, z: Tensor) -> DiagonalGaussianDistribution:
        return DiagonalGaussianDistribution(mean=self.decoder(z))

    def sample(self, batch_size: int) -> Tensor:
        return self.decode(self.prior(batch_size).sample()).mode()

    def log_likelihood(self, x: Tensor, K: int = 100) -> Tensor:
        q = self.encode(x)
        mean, logvar = (repeat(p, "b d -> (k b) d", k=K) for p in (q.mean, q.logvar))
        q = DiagonalGaussianDistribution(mean, logvar)
        z = q.sample()
        joint = -self.decode(z).nll(repeat(x, "b c h w -> (k b) c h w", k=K)) - self.prior(len(z)).nll(z, dims=[1])
        log_ratio = rearrange(joint + q.nll(z, dims=[1]), "(k b) -> k b", k=K)
        return log_ratio.logsumexp(dim=0) - math.log(K)

    def forward(self, x: Tensor) -> VAEOutput:
        q = self.encode(x)
        p = self.decode(q.sample())
        return VAEOutput(p.mode(), p.nll(x), q.kl())


@torch.no_grad()
def interpolate(model: VAE, z_1: Tensor, z_2: Tensor, n_samples: int) -> Tensor:
    """From z_2 back to z_1."""
    weights = rearrange(torch.linspace(1, 0, n_samples, device=z_1.device), "n -> n 1")
    return model.decode(torch.lerp(z_1.reshape(1, -1), z_2.reshape(1, -1), weights)).mode()
