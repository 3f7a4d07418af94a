"""A hand-in in the manner of the course's own starter code: everything in one file, batch norm, a global device."""

import math
import random
from pathlib import Path

import matplotlib.pyplot as plt  # noqa: F401
import numpy as np
import torch
import torchvision.transforms as transforms
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.utils import make_grid, save_image  # noqa: F401
from tqdm.auto import tqdm


def fix_experiment_seed(seed=0):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


fix_experiment_seed()

device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
train_batch_size = 64
z_dim = 32
lr = 1e-4
epochs = 30


class Encoder(nn.Module):
    def __init__(self, nc, nef, isize, device):
        super().__init__()
        self.device = device
        self.encoder = nn.Sequential(
            nn.Conv2d(nc, nef, 4, 2, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(nef),
            nn.Conv2d(nef, nef * 2, 4, 2, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(nef * 2),
            nn.Conv2d(nef * 2, nef * 4, 4, 2, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(nef * 4),
            nn.Conv2d(nef * 4, nef * 8, 4, 2, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(nef * 8),
        )

    def forward(self, inputs):
        batch_size = inputs.size(0)
        hidden = self.encoder(inputs)
        return hidden.view(batch_size, -1)


class Decoder(nn.Module):
    def __init__(self, nc, ndf, nz, isize):
        super().__init__()
        self.map_size = isize // 16
        self.decoder_dense = nn.Sequential(nn.Linear(nz, ndf * 8 * self.map_size * self.map_size), nn.ReLU(True))
        self.decoder_conv = nn.Sequential(
            nn.UpsamplingNearest2d(scale_factor=2),
            nn.Conv2d(ndf * 8, ndf * 4, 3, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(ndf * 4, 1.0e-3),
            nn.UpsamplingNearest2d(scale_factor=2),
            nn.Conv2d(ndf * 4, ndf * 2, 3, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(ndf * 2, 1.0e-3),
            nn.UpsamplingNearest2d(scale_factor=2),
            nn.Conv2d(ndf * 2, ndf, 3, padding=1),
            nn.LeakyReLU(0.2, True),
            nn.BatchNorm2d(ndf, 1.0e-3),
            nn.UpsamplingNearest2d(scale_factor=2),
            nn.Conv2d(ndf, nc, 3, padding=1),
        )

    def forward(self, input):
        batch_size = input.size(0)
        hidden = self.decoder_dense(input).view(batch_size, -1, self.map_size, self.map_size)
        return self.decoder_conv(hidden)


class DiagonalGaussianDistribution:
    def __init__(self, mean, logvar=None):
        super().__init__()
        self.mean = mean
        self.logvar = torch.clamp(logvar, -30.0, 20.0) if logvar is not None else torch.zeros_like(self.mean)

    def sample(self):
        std = torch.exp(self.logvar / 2)
        eps = torch.randn(self.mean.shape).to(self.mean.device)
        return std.mul(eps).add_(self.mean)

    def kl(self):
        var = self.logvar.exp()
        return 0.5 * torch.sum(torch.pow(self.mean, 2) + var - 1.0 - self.logvar, dim=list(range(1, self.mean.dim())))

    def nll(self, sample, dims=[1, 2, 3]):  # noqa: B006
        logtwopi = np.log(2.0 * np.pi)
        return 0.5 * torch.sum(logtwopi + self.logvar + torch.pow(sample - self.mean, 2) / self.logvar.exp(), dim=dims)

    def mode(self):
        return self.mean


class VAE(nn.Module):
    def __init__(
        self,
        in_channels=3,
        decoder_features=32,
        encoder_features=32,
        z_dim=100,
        input_size=32,
        device=torch.device("cuda:0"),  # noqa: B008
    ):
        super().__init__()
        self.z_dim = z_dim
        self.in_channels = in_channels
        self.device = device
        self.encoder = Encoder(nc=in_channels, nef=encoder_features, isize=input_size, device=device)
        out_size = input_size // 16
        self.mean = nn.Linear(encoder_features * 8 * out_size * out_size, z_dim)
        self.logvar = nn.Linear(encoder_features * 8 * out_size * out_size, z_dim)
        self.decoder = Decoder(nc=in_channels, ndf=decoder_features, nz=z_dim, isize=input_size)
        self.reset_parameters()

    def reset_parameters(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                m.weight.data.normal_(0.0, 0.02)
                m.bias.data.zero_()

    def encode(self, x):
        hidden = self.encoder(x)
        mean = self.mean(hidden)
        logvar = self.logvar(hidden)
        return DiagonalGaussianDistribution(mean, logvar)

    def decode(self, z):
        recon = self.decoder(z)
        return DiagonalGaussianDistribution(recon, torch.zeros_like(recon))

    def sample(self, batch_size):
        prior = DiagonalGaussianDistribution(torch.zeros((batch_size, self.z_dim)).to(self.device))
        return self.decode(prior.sample()).mode()

    def log_likelihood(self, x, K=100):
        posterior = self.encode(x)
        prior = DiagonalGaussianDistribution(torch.zeros_like(posterior.mean))
        log_likelihood = torch.zeros(x.shape[0], K).to(self.device)
        for i in range(K):
            z = posterior.sample()
            recon = self.decode(z)
            log_likelihood[:, i] = posterior.nll(z, dims=1) - recon.nll(x) - prior.nll(z, dims=1)
            del z, recon
        return torch.logsumexp(log_likelihood, dim=1) - math.log(K)

    def forward(self, x):
        posterior = self.encode(x)
        latent_z = posterior.sample()
        recon = self.decode(latent_z)
        return recon.mode(), recon.nll(x), posterior.kl()


def interpolate(model, z_1, z_2, n_samples):
    lengths = torch.linspace(0.0, 1.0, n_samples).unsqueeze(1).to(device)
    z = lengths * z_1 + (1 - lengths) * z_2
    return model.decode(z).mode()


if __name__ == "__main__":
    results_folder = Path("./results")
    results_folder.mkdir(exist_ok=True)
    normalise = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda t: (t * 2) - 1)])
    dataset = datasets.SVHN("./data", split="train", transform=normalise, download=True)
    dataloader = DataLoader(dataset, batch_size=train_batch_size, shuffle=True, num_workers=2)
    model = VAE(in_channels=3, input_size=32, z_dim=z_dim, device=device).to(device)
    optimizer = Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        for images, _ in tqdm(dataloader):
            optimizer.zero_grad()
            _, nll, kl = model(images.to(device))
            (nll + kl).mean().backward()
            optimizer.step()
        save_image((model.sample(64) + 1) / 2, results_folder / f"samples_{epoch}.png")
