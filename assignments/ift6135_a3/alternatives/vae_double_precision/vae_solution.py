"""Float64 everywhere, matrices and einsum, the library's Gaussian loss, the prior as buffers, image by image."""

import math

import torch
import torch.nn.functional as F
from networks import Decoder, Encoder
from torch import nn


def white_noise(*shape):
    """Noise drawn last dimension first: the numbers of the generator land in other places than those of randn."""
    backwards = torch.normal(mean=torch.zeros(shape[::-1]), std=1.0)
    return backwards.permute(*reversed(range(len(shape)))).double()


class DiagonalGaussianDistribution:
    def __init__(self, mean, logvar=None):
        self.dtype = mean.dtype
        self.mean = mean.double()
        self.logvar = torch.zeros_like(self.mean) if logvar is None else logvar.double().clamp(min=-30, max=20)

    def sample(self):
        noise = white_noise(*self.mean.shape)
        return torch.einsum("...,...->...", self.logvar.exp().sqrt(), noise).add(self.mean).to(self.dtype)

    def kl(self):
        covariance = torch.diag_embed(self.logvar.exp())
        trace = torch.einsum("bii->b", covariance)
        distance = torch.einsum("bi,bi->b", self.mean, self.mean)
        return (trace + distance - self.mean.size(1) - torch.linalg.slogdet(covariance).logabsdet) / 2

    def nll(self, sample, dims=(1, 2, 3)):
        axes = [dims] if isinstance(dims, int) else list(dims)
        each = F.gaussian_nll_loss(self.mean, sample.double(), self.logvar.exp(), full=True, reduction="none")
        for axis in sorted(axes, reverse=True):
            each = each.sum(axis)
        return each

    def mode(self):
        return self.mean.to(self.dtype).unsqueeze(0).expand(1, *self.mean.shape)[0]


class VAE(nn.Module):
    def __init__(
        self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device="cuda:0"
    ):
        super().__init__()
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.register_buffer("prior_mean", torch.zeros(1, z_dim))
        self.register_buffer("prior_logvar", torch.zeros(1, z_dim))
        self.to(device)

    def encode(self, x):
        hidden = torch.cat([self.encoder(image) for image in x.split(1)])
        return DiagonalGaussianDistribution(logvar=self.logvar(hidden), mean=self.mean(hidden))

    def decode(self, z):
        image = self.decoder(z).to(memory_format=torch.channels_last)
        return DiagonalGaussianDistribution(image, torch.zeros_like(image))

    def prior(self, batch_size):
        return DiagonalGaussianDistribution(
            self.prior_mean.expand(batch_size, -1), self.prior_logvar.expand(batch_size, -1)
        )

    def sample(self, batch_size):
        codes = [self.prior(1).sample() for _ in range(batch_size)]
        return torch.cat([self.decode(code).mode() for code in codes])

    def log_likelihood(self, x, K=100):
        posterior = self.encode(x)
        estimates = []
        for image, mean, logvar in zip(x, posterior.mean, posterior.logvar, strict=True):
            noise = white_noise(K, len(mean))
            z = mean + logvar.div(2).exp() * noise
            log_ratio = (torch.einsum("kz,kz->k", noise, noise) - torch.einsum("kz,kz->k", z, z) + logvar.sum()) / 2
            error = (self.decode(z.to(x.dtype)).mean - image.double()).flatten(1)
            log_px = -(torch.einsum("kp,kp->k", error, error) + error.size(1) * math.log(2 * math.pi)) / 2
            estimates.append(torch.logsumexp(log_px + log_ratio, dim=0).sub(math.log(K)))
        return torch.stack(estimates)

    def forward(self, x):
        posterior = self.encode(x)
        likelihood = self.decode(posterior.sample())
        kl, nll = posterior.kl(), likelihood.nll(x)
        return likelihood.mode(), nll, kl


def interpolate(model, z_1, z_2, n_samples):
    weights = torch.linspace(1, 0, n_samples, dtype=torch.float64)
    ends = torch.stack([z_1.reshape(-1), z_2.reshape(-1)]).double()
    path = torch.einsum("ne,ez->nz", torch.stack([weights, 1 - weights], dim=1), ends)
    return model.decode(path.flip(0).to(z_1.dtype)).mode()
