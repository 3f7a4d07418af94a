"""My VAE. Everything is an object, the functions that are asked for are thin."""
import abc
import functools
import math

import torch
import torch.nn as nn
from networks import Decoder, Encoder


class Distribution(abc.ABC):
    @abc.abstractmethod
    def log_prob_elementwise(self, x):
        ...

    @abc.abstractmethod
    def sample(self):
        ...

    def nll(self, sample, dims=(1, 2, 3)):
        return torch.sum(-self.log_prob_elementwise(sample), dim=dims)


class DiagonalGaussianDistribution(Distribution):
    def __init__(self, mean, logvar=None):
        self._mean = mean
        self._logvar = torch.clamp(logvar, -30.0, 20.0) if logvar is not None else mean.new_zeros(mean.shape)

    @property
    def mean(self):
        return self._mean

    @property
    def logvar(self):
        return self._logvar

    @functools.cached_property
    def std(self):
        return self._logvar.mul(0.5).exp()

    def log_prob_elementwise(self, x):
        z = (x - self.mean) / self.std
        return -0.5 * z.square() - self.std.log() - 0.5 * math.log(2.0 * math.pi)

    def sample(self):
        return self.mean + self.std * torch.randn(*self.mean.size(), dtype=self.mean.dtype, device=self.mean.device)

    def kl(self):
        return KLToStandardNormal()(self)

    def mode(self):
        return self.mean


class KLToStandardNormal:
    def __call__(self, q):
        trace = q.logvar.exp().sum(1)
        square = torch.einsum("bi,bi->b", q.mean, q.mean)
        log_det = q.logvar.sum(1)
        return 0.5 * (trace + square - q.mean.shape[1] - log_det)


class BaseModel(nn.Module):
    def __init__(self, device):
        super().__init__()
        self._device = device

    @property
    def device(self):
        return next(self.parameters()).device


class VAE(BaseModel):
    def __init__(self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device=torch.device("cuda:0")):
        super().__init__(device)
        self.z_dim = z_dim
        self.in_channels = in_channels
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.to(device)

    def encode(self, x):
        return DiagonalGaussianDistribution(*self._heads(self.encoder(x)))

    def _heads(self, features):
        yield self.mean(features)
        yield self.logvar(features)

    def decode(self, z):
        return DiagonalGaussianDistribution(self.decoder(z))

    def sample(self, batch_size):
        zeros = torch.zeros(batch_size, self.z_dim, device=self.device)
        return self.decode(DiagonalGaussianDistribution(zeros).sample()).mode()

    def log_likelihood(self, x, K=100):
        return ImportanceSampler(self, chunk=10)(x, K)

    def forward(self, x):
        posterior = self.encode(x)
        conditional = self.decode(posterior.sample())
        nll = conditional.nll(x)
        kl = posterior.kl()
        return conditional.mode(), nll, kl


class ImportanceSampler:
    """In chunks, so that it fits on my laptop's GPU; keeps a running log-sum-exp."""

    def __init__(self, model, chunk):
        self.model = model
        self.chunk = chunk

    def __call__(self, x, K):
        q = self.model.encode(x)
        total = torch.full((x.shape[0],), -math.inf, device=x.device)
        left = K
        while left > 0:
            n = min(self.chunk, left)
            weights = torch.stack([self._log_weight(x, q) for _ in range(n)], dim=1)
            total = torch.logaddexp(total, torch.logsumexp(weights, dim=1))
            left -= n
        return total - math.log(K)

    def _log_weight(self, x, q):
        z = q.sample()
        prior = DiagonalGaussianDistribution(torch.zeros_like(z))
        return q.nll(z, dims=1) - self.model.decode(z).nll(x) - prior.nll(z, dims=1)


class Interpolator:
    def __init__(self, model):
        self.model = model

    def points(self, a, b, n):
        for k in range(n):
            yield a + (b - a) * k / max(n - 1, 1)

    def __call__(self, a, b, n):
        return self.model.decode(torch.stack([p.flatten() for p in self.points(a, b, n)])).mode()


def interpolate(model, z_1, z_2, n_samples):
    return Interpolator(model)(z_1, z_2, n_samples)
