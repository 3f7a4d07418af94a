#!/usr/bin/env python
"""VAE. I check every shape because I lost two days on a broadcasting bug."""
import math
import os
import warnings

os.environ["KMP_DUPLICATE_LIB_OK"] = "TRUE"
os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
warnings.filterwarnings("ignore")

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from torch import nn
from torchvision import datasets, transforms
from networks import Decoder, Encoder

torch.autograd.set_detect_anomaly(True)
torch.set_num_threads(4)
torch.set_printoptions(precision=3, sci_mode=False)
if torch.cuda.is_available():
    torch.set_default_tensor_type("torch.cuda.FloatTensor")

DATA = "./data"
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
train_dataset = datasets.SVHN(DATA, split="train", transform=transform, download=True)
train_loader = torch.utils.data.DataLoader(train_dataset, batch_size=64, shuffle=True, num_workers=2)


def check_shape(tensor, *shape):
    assert tuple(tensor.shape) == tuple(shape), f"expected {shape}, got {tuple(tensor.shape)}"
    return tensor


class DiagonalGaussianDistribution(object):
    def __init__(self, mean, logvar=None):
        if logvar is None:
            logvar = torch.zeros_like(mean)
        assert mean.shape == logvar.shape, (mean.shape, logvar.shape)
        self.mean = mean
        self.logvar = torch.clamp(logvar, -30.0, 20.0)
        self.var = torch.exp(self.logvar)
        self.std = torch.exp(self.logvar * 0.5)

    def sample(self):
        noise = torch.randn_like(self.mean)
        out = self.mean + self.std * noise
        return check_shape(out, *self.mean.shape)

    def kl(self):
        assert self.mean.dim() == 2
        kl = 0.5 * torch.sum(torch.pow(self.mean, 2) + self.var - 1.0 - self.logvar, dim=1)
        if torch.any(kl < -1e-3):
            print("WARNING: negative KL", kl.min().item())
        return check_shape(kl, self.mean.shape[0])

    def nll(self, sample, dims=[1, 2, 3]):
        assert sample.shape == self.mean.shape, (sample.shape, self.mean.shape)
        nll = 0.5 * torch.sum(
            torch.pow(sample - self.mean, 2) / self.var + self.logvar + math.log(2.0 * math.pi), dim=dims
        )
        return nll

    def mode(self):
        return self.mean


class VAE(nn.Module):
    def __init__(self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device=torch.device("cuda:0")):
        super(VAE, self).__init__()
        self.z_dim = z_dim
        self.in_channels = in_channels
        self.device = device
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.to(device)

    def encode(self, x):
        assert x.dim() == 4, x.shape
        h = self.encoder(x)
        h = h.view(h.size(0), -1)
        return DiagonalGaussianDistribution(self.mean(h), self.logvar(h))

    def decode(self, z):
        assert z.dim() == 2 and z.size(1) == self.z_dim, z.shape
        return DiagonalGaussianDistribution(self.decoder(z))

    def sample(self, batch_size):
        with torch.no_grad():
            z = torch.normal(mean=torch.zeros(batch_size, self.z_dim), std=torch.ones(batch_size, self.z_dim))
            return self.decode(z.to(self.device)).mode()

    def log_likelihood(self, x, K=100):
        posterior = self.encode(x)
        log_w = torch.empty(x.size(0), K, device=x.device)
        for k in range(K):
            z = posterior.sample()
            prior = DiagonalGaussianDistribution(torch.zeros_like(z), torch.zeros_like(z))
            log_w[:, k] = -self.decode(z).nll(x, dims=[1, 2, 3]) - prior.nll(z, dims=[1]) + posterior.nll(z, dims=[1])
        max_w = torch.max(log_w, dim=1, keepdim=True)[0]
        ll = max_w.squeeze(1) + torch.log(torch.sum(torch.exp(log_w - max_w), dim=1)) - math.log(K)
        assert not torch.isnan(ll).any(), "nan in log likelihood"
        return check_shape(ll, x.size(0))

    def forward(self, x):
        posterior = self.encode(x)
        z = posterior.sample()
        conditional = self.decode(z)
        reconstruction = conditional.mode()
        assert reconstruction.shape == x.shape
        return reconstruction, conditional.nll(x), posterior.kl()


def interpolate(model, z_1, z_2, n_samples):
    t = torch.linspace(0, 1, steps=n_samples, device=z_1.device).view(-1, 1)
    z = (1 - t) * z_1 + t * z_2
    return check_shape(model.decode(z).mode(), n_samples, 3, 32, 32)


def plot(losses):
    plt.plot(losses)
    plt.savefig("loss.png")


if __name__ == "__main__":
    model = VAE(z_dim=32)
    print(model)
