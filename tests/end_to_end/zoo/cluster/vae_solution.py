"""VAE for SVHN. Run with `sbatch train.sh`."""
from __future__ import annotations

import argparse
import logging
import os
import sys
from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
import torch
import torch.nn as nn
import wandb
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from networks import Decoder, Encoder
from utils import AverageMeter, fix_experiment_seed, save_checkpoint

fix_experiment_seed(42)
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
logger = logging.getLogger(__name__)
os.makedirs("results/vae", exist_ok=True)

DEVICE = torch.device("cuda:0")
LOG_2PI = torch.log(torch.tensor(2 * np.pi)).to(DEVICE)
writer = SummaryWriter("runs/vae")


@dataclass
class Config:
    z_dim: int = 32
    batch_size: int = 64
    lr: float = 1e-4
    epochs: int = 30


class DiagonalGaussianDistribution(object):
    def __init__(self, mean: Tensor, logvar: Optional[Tensor] = None):
        self.mean = mean
        if logvar is None:
            logvar = torch.zeros(mean.size()).to(DEVICE)
        self.logvar = torch.clamp(logvar, min=-30.0, max=20.0)

    @property
    def var(self) -> Tensor:
        return self.logvar.exp()

    @property
    def std(self) -> Tensor:
        return (0.5 * self.logvar).exp()

    def sample(self) -> Tensor:
        noise = torch.empty_like(self.mean).normal_()
        return self.mean + self.std * noise

    def kl(self) -> Tensor:
        per_dim = 0.5 * (self.var + self.mean.square() - 1 - self.logvar)
        return per_dim.flatten(start_dim=1).sum(dim=-1)

    def nll(self, sample: Tensor, dims: List[int] = [1, 2, 3]) -> Tensor:
        squared = (sample - self.mean).pow(2) / self.var
        return 0.5 * (squared + self.logvar + LOG_2PI).sum(dim=dims)

    def mode(self) -> Tensor:
        return self.mean


class VAE(nn.Module):
    def __init__(
        self, in_channels=3, decoder_features=32, encoder_features=32, z_dim=100, input_size=32, device=DEVICE
    ):
        super().__init__()
        self.z_dim = z_dim
        self.in_channels = in_channels
        self.device = device
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.to(device)
        logger.info("VAE with %d parameters", sum(p.numel() for p in self.parameters()))

    def encode(self, x: Tensor) -> DiagonalGaussianDistribution:
        h = self.encoder(x.to(DEVICE))
        return DiagonalGaussianDistribution(self.mean(h), self.logvar(h))

    def decode(self, z: Tensor) -> DiagonalGaussianDistribution:
        return DiagonalGaussianDistribution(self.decoder(z), None)

    def sample(self, batch_size: int) -> Tensor:
        z = torch.randn((batch_size, self.z_dim), device="cuda:0")
        return self.decode(z).mode()

    def log_likelihood(self, x: Tensor, K: int = 100) -> Tensor:
        """Vectorised over the K samples: everything is (B * K, ...)."""
        batch = x.size(0)
        q = self.encode(x)
        q_K = DiagonalGaussianDistribution(q.mean.repeat_interleave(K, dim=0), q.logvar.repeat_interleave(K, dim=0))
        x_K = x.repeat_interleave(K, dim=0)
        z = q_K.sample()
        prior = DiagonalGaussianDistribution(torch.zeros_like(z))
        log_w = -self.decode(z).nll(x_K) - prior.nll(z, dims=[1]) + q_K.nll(z, dims=[1])
        log_w = log_w.view(batch, K)
        return torch.logsumexp(log_w, dim=1) - np.log(K)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        posterior = self.encode(x)
        z = posterior.sample().cuda()
        likelihood = self.decode(z)
        return likelihood.mode(), likelihood.nll(x), posterior.kl()


def interpolate(model: VAE, z_1: Tensor, z_2: Tensor, n_samples: int) -> Tensor:
    alphas = np.linspace(0, 1, n_samples)
    points = torch.stack([(1 - a) * z_1.squeeze() + a * z_2.squeeze() for a in alphas])
    return model.decode(points.float().to(DEVICE)).mode()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("SLURM_TMPDIR", "data"))
    args = parser.parse_args()
    wandb.init(project="ift6135-a3")
    from data import svhn_loaders

    cfg = Config()
    train, test = svhn_loaders(args.data, cfg.batch_size)
    model = VAE(z_dim=cfg.z_dim).cuda()
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        meter = AverageMeter()
        for x, _ in train:
            _, nll, kl = model(x.cuda())
            loss = (nll + kl).mean()
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            meter.update(loss.item())
        wandb.log({"loss": meter.avg, "samples": wandb.Image(model.sample(64))})


if __name__ == "__main__":
    main()
