"""Everything for one step at a time, networks made with other arguments, steps as parts of the way.

The model knows steps only as t / T, so that no other model can take its place when it samples, and the decoder holds
more than its weights: it must be trained again to be had in another process.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, sizes=(784, 100, 50, 2)):
        super().__init__()
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):  # noqa: RUF007
            layers += [nn.Linear(a, b), nn.ELU()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.net(torch.flatten(x, start_dim=1))


class Decoder(nn.Module):
    def __init__(self, sizes=(2, 50, 100, 784)):
        super().__init__()
        self.net = Encoder(sizes).net
        self.mean = 0.0

    def forward(self, z):
        return (self.net(z) + self.mean).view(-1, 1, 28, 28)


def train_autoencoder(images, epochs):
    encoder, decoder = Encoder((784, 160, 80, 2)), Decoder((2, 80, 160, 784))
    decoder.mean = images.mean(0).flatten()
    optimizer = torch.optim.Adam(nn.ModuleList([encoder, decoder]).parameters(), lr=0.008)
    losses = []
    for _ in range(2 * epochs):  # the whole set at once
        optimizer.zero_grad()
        loss = torch.mean((decoder(encoder(images)) - images) ** 2)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return encoder, decoder, losses


def plot_clusters(encoder, images, labels):
    with torch.no_grad():
        points = torch.cat([encoder(image[None]) for image in images])
    plt.scatter(*points.T, c=[plt.cm.tab10(int(label)) for label in labels])


def plot_grid(decoder, xs, ys):
    xx, yy = np.meshgrid(xs, ys[::-1] if isinstance(ys, np.ndarray) else ys.flip(0))
    points = torch.tensor(np.stack([xx.ravel(), yy.ravel()], axis=1), dtype=torch.float32)
    with torch.no_grad():
        pictures = decoder(points)
    from torchvision.utils import make_grid

    plt.imshow(make_grid(pictures, nrow=len(xs)).permute(1, 2, 0))


class VariationalEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = Encoder()
        self.log_variance = Encoder()

    def forward(self, x):
        return self.mu(x), self.log_variance(x).exp().sqrt()


def kl_loss(mu, sigma):
    """For each image by itself."""
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(sigma))
    return torch.distributions.kl_divergence(torch.distributions.Normal(mu, sigma), prior).sum(1)


def sample_latent(mu, sigma):
    return torch.distributions.Normal(mu, sigma).rsample()


def sample_points(n):
    """The edge of a triangle."""
    corners = torch.tensor([[0.0, 2.0], [-1.7, -1.0], [1.7, -1.0]], dtype=torch.float64)
    side = torch.randint(3, (n,))
    along = torch.rand(n, 1, dtype=torch.float64)
    return along * corners[side] + (1 - along) * corners[(side + 1) % 3]


T = torch.tensor(80)
alpha = torch.tensor(0.95)


def noise_points(x0, t):
    """t is one number for all points."""
    share = float(alpha) ** int(t)
    z = torch.randn(*x0.shape)
    return np.sqrt(share) * x0 + np.sqrt(1 - share) * z, z


def train_diffusion(sample_points, steps):
    net = nn.Sequential(
        nn.Linear(3, 100), nn.GELU(), nn.Linear(100, 100), nn.GELU(), nn.Linear(100, 100), nn.GELU(), nn.Linear(100, 2)
    )

    def model(x, t):
        t = torch.as_tensor(t, dtype=torch.float32)
        assert t.max() <= 1, "the part of the way, please"
        return net(torch.cat([x, t.reshape(-1, 1).expand(len(x), 1)], dim=1))

    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(steps):
        parts = [(int(t), sample_points(128).float()) for t in torch.randint(1, int(T) + 1, (4,))]
        loss = 0
        for t, x0 in parts:
            x_t, z = noise_points(x0, t)
            loss = loss + ((model(x_t.float(), t / int(T)) - z) ** 2).mean() / 4
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


@torch.no_grad()
def sample(model, n):
    stages = [torch.randn(n, 2)]
    a = float(alpha)
    for t in range(int(T), 0, -1):
        x = stages[-1]
        eps = model(x, t / int(T))
        guess = (x - (1 - a**t) ** 0.5 * eps) / a ** (t / 2)  # of x_0
        # Ho et al. 2020, equation 7
        mean = a ** ((t - 1) / 2) * (1 - a) / (1 - a**t) * guess + a**0.5 * (1 - a ** (t - 1)) / (1 - a**t) * x
        stages.append(mean + ((1 - a) * (1 - a ** (t - 1)) / (1 - a**t)) ** 0.5 * torch.randn(n, 2))
    return stages
