"""All importance samples at once, networks with names of their own, a Gaussian that keeps its standard deviation."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import nn

LOG_2PI = torch.tensor(2 * torch.pi).log().item()


class DiagonalGaussianDistribution:
    def __init__(self, mean, logvar=None):
        self.loc = mean
        self.log_scale = 0.5 * logvar.clamp(-30, 20) if logvar is not None else mean.new_zeros(mean.shape)

    @property
    def scale(self):
        return self.log_scale.exp()

    def sample(self):
        return torch.addcmul(self.loc, self.scale, torch.empty_like(self.loc).normal_())

    def kl(self):
        terms = self.loc.pow(2) + self.scale.pow(2) - 2 * self.log_scale - 1
        return terms.flatten(start_dim=1).sum(-1) / 2

    def nll(self, sample, dims=(1, 2, 3)):
        standardised = (sample.double() - self.loc.double()) / self.scale.double()
        return (0.5 * standardised.pow(2) + self.log_scale + 0.5 * LOG_2PI).sum(dim=dims).to(self.loc.dtype)

    def mode(self):
        return self.loc.clone()


class Elbo(NamedTuple):
    mode: torch.Tensor
    nll: torch.Tensor
    kl: torch.Tensor


class VAE(nn.Module):
    def __init__(
        self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device="cuda:0"
    ):
        super().__init__()
        channels, side = in_channels, input_size
        hidden = 8 * encoder_features
        self.latent = z_dim
        self.networks = nn.ModuleDict(
            {
                "inference": nn.Sequential(nn.Flatten(), nn.Linear(channels * side * side, hidden), nn.SiLU()),
                "generative": nn.Sequential(
                    nn.Linear(z_dim, 8 * decoder_features),
                    nn.SiLU(),
                    nn.Linear(8 * decoder_features, channels * side * side),
                    nn.Unflatten(1, (channels, side, side)),
                ),
            }
        )
        self.mean, self.logvar = nn.Linear(hidden, z_dim), nn.Linear(hidden, z_dim)
        self.to(device)

    def encode(self, x):
        h = self.networks["inference"](x)
        return DiagonalGaussianDistribution(mean=self.mean(h), logvar=self.logvar(h))

    def decode(self, z):
        return DiagonalGaussianDistribution(mean=self.networks["generative"](z))

    @torch.no_grad()
    def sample(self, batch_size):
        z = torch.normal(0.0, 1.0, (batch_size, self.latent), device=self.mean_device())
        return self.networks["generative"](z)

    def mean_device(self):
        return next(self.networks.parameters(), torch.empty(0)).device

    @torch.no_grad()
    def log_likelihood(self, x, K=100):
        x = repeat(x, "b c h w -> (b k) c h w", k=K)
        h = self.networks["inference"](x)
        mean, logvar = self.mean(h), self.logvar(h)
        noise = torch.randn_like(mean)
        z = mean + (logvar / 2).exp() * noise
        log_q = -0.5 * (noise.pow(2) + logvar + LOG_2PI).sum(1)
        log_prior = -0.5 * (z.pow(2) + LOG_2PI).sum(1)
        error = F.mse_loss(self.networks["generative"](z), x, reduction="none")
        log_px = -0.5 * (error + LOG_2PI).flatten(1).sum(1)
        weights = rearrange(log_px + log_prior - log_q, "(b k) -> b k", k=K)
        largest = weights.max(dim=1, keepdim=True).values
        return (weights - largest).exp().mean(dim=1).log() + largest.squeeze(1)

    def forward(self, x):
        q = self.encode(x)
        p = self.decode(q.sample())
        return Elbo(p.mode(), p.nll(x, dims=(1, 2, 3)), q.kl())


def interpolate(model, z_1, z_2, n_samples):
    return torch.cat([model.decode(torch.lerp(z_1, z_2, k / (n_samples - 1))).mode() for k in range(n_samples)])
