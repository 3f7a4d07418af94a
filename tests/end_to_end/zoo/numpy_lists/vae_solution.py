import math

import numpy as np
import torch
from networks import Decoder, Encoder
from torch import nn


class DiagonalGaussianDistribution:
    def __init__(self, mean, logvar=None):
        self.mean = mean
        self.logvar = torch.zeros_like(mean) if logvar is None else torch.clamp(logvar, -30.0, 20.0)

    def sample(self):
        # numpy noise, seeded with np.random.seed in my experiments
        eps = torch.from_numpy(np.random.normal(0.0, 1.0, size=tuple(self.mean.shape))).float()
        eps = eps.to(self.mean.device)
        return self.mean + torch.sqrt(torch.exp(self.logvar)) * eps

    def kl(self):
        B = self.mean.shape[0]
        out = []
        for b in range(B):
            mu, lv = self.mean[b], self.logvar[b]
            out.append(((lv.exp() + mu * mu - 1.0 - lv) / 2.0).sum())
        return torch.stack(out)

    def nll(self, sample, dims=[1, 2, 3]):
        const = 0.5 * np.log(2 * np.pi)
        log_std = self.logvar / 2
        elementwise = const + log_std + (sample - self.mean) ** 2 / (2 * torch.exp(self.logvar))
        if isinstance(dims, int):
            dims = [dims]
        for d in sorted(dims, reverse=True):
            elementwise = elementwise.sum(d)
        return elementwise

    def mode(self):
        return self.mean


class VAE(nn.Module):
    def __init__(self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device="cuda:0"):
        super().__init__()
        self.z_dim = z_dim
        self.in_channels = in_channels
        self.device = torch.device(device)
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.to(self.device)

    def encode(self, x):
        h = self.encoder(x)
        mean = self.mean(h)
        logvar = self.logvar(h)
        return DiagonalGaussianDistribution(mean, logvar)

    def decode(self, z):
        return DiagonalGaussianDistribution(self.decoder(z))

    def sample(self, batch_size):
        z = torch.tensor(np.random.randn(batch_size, self.z_dim), dtype=torch.float32, device=self.device)
        return self.decode(z).mode()

    def log_likelihood(self, x, K=100):
        # one image after the other, all K samples of it at once
        lls = []
        for i in range(len(x)):
            xi = x[i : i + 1]
            q = self.encode(xi)
            qk = DiagonalGaussianDistribution(q.mean.expand(K, -1), q.logvar.expand(K, -1))
            z = qk.sample()
            log_q = -qk.nll(z, [1])
            log_p = -DiagonalGaussianDistribution(torch.zeros_like(z)).nll(z, [1])
            log_x = -self.decode(z).nll(xi.expand(K, -1, -1, -1))
            lls.append(torch.logsumexp(log_x + log_p - log_q, 0) - math.log(K))
        return torch.stack(lls)

    def forward(self, x):
        q = self.encode(x)
        z = q.sample()
        p = self.decode(z)
        return p.mode(), p.nll(x), q.kl()


def interpolate(model, z_1, z_2, n_samples):
    z_1 = z_1.reshape(1, -1)
    z_2 = z_2.reshape(1, -1)
    step = (z_2 - z_1) / (n_samples - 1)
    zs = [z_1 + i * step for i in range(n_samples)]
    with torch.no_grad():
        return model.decode(torch.cat(zs)).mode()
