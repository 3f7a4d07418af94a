"""Convolutions, an embedding of the steps, two moons, DDIM, the problem set's own variational term."""

import matplotlib.pyplot as plt
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from tqdm.auto import tqdm

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 6, 3, stride=2, padding=1),
            nn.BatchNorm2d(6),
            nn.LeakyReLU(0.1),
            nn.Conv2d(6, 12, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
        )
        self.fc = nn.Linear(12 * 7 * 7, 2)

    def forward(self, x):
        return self.fc(self.conv(x).view(x.size(0), -1))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 12 * 7 * 7), nn.ReLU())
        self.up = nn.Sequential(
            nn.ConvTranspose2d(12, 6, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(6, 1, 4, stride=2, padding=1),
        )

    def forward(self, z):
        return torch.sigmoid(self.up(self.fc(z).view(-1, 12, 7, 7)))


def train_autoencoder(images, epochs):
    encoder, decoder = Encoder().to(device), Decoder().to(device)
    params = list(encoder.parameters()) + list(decoder.parameters())
    optimizer = torch.optim.AdamW(params, lr=3e-3)
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, num_workers=2)
    losses = []
    for epoch in tqdm(range(epochs)):
        running = 0.0
        for (batch,) in loader:
            batch = batch.to(device)
            loss = F.binary_cross_entropy(decoder(encoder(batch)), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item() * len(batch)
        losses.append(running / len(images))
        if epoch % 50 == 0:
            print(f"epoch {epoch}: {losses[-1]:.4f}")
    return encoder, decoder, losses


def plot_clusters(encoder, images, labels):
    encoder.eval()
    with torch.no_grad():
        z = encoder(images.to(device)).cpu().numpy()
    _, ax = plt.subplots(figsize=(8, 8))
    for digit in range(10):
        mask = (labels == digit).numpy()
        ax.scatter(z[mask, 0], z[mask, 1], s=5, label=str(digit))
    ax.legend()
    plt.show()
    return ax


def plot_grid(decoder, xs, ys):
    """One large picture."""
    decoder.eval()
    canvas = torch.zeros(28 * len(ys), 28 * len(xs))
    with torch.no_grad():
        for i, y in enumerate(ys):
            for j, x in enumerate(xs):
                z = torch.tensor([[x, y]], dtype=torch.float32).to(device)
                canvas[28 * i : 28 * (i + 1), 28 * j : 28 * (j + 1)] = decoder(z).cpu().squeeze()
    fig = plt.figure(figsize=(10, 10))
    plt.imshow(canvas, cmap="Greys_r", extent=[float(xs[0]), float(xs[-1]), float(ys[0]), float(ys[-1])])
    plt.show()
    return fig


class VariationalEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU())
        self.mean = nn.Linear(64, 2)
        self.raw = nn.Linear(64, 2)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), F.softplus(self.raw(h)) + 1e-4


def kl_loss(mu, sigma):
    return torch.sum(-torch.log(sigma) + sigma**2 + mu**2)


def sample_latent(mu, sigma):
    return mu + sigma * torch.randn(mu.shape, device=mu.device)


def sample_points(n):
    angle = torch.rand(n) * torch.pi
    upper = torch.rand(n) < 0.5
    x = torch.where(upper, torch.cos(angle), 1 - torch.cos(angle))
    y = torch.where(upper, torch.sin(angle), 0.5 - torch.sin(angle))
    return torch.stack([x, y], dim=-1) + 0.05 * torch.randn(n, 2)


T = 50
alpha = 0.9
signal = alpha ** torch.arange(T + 1)


def noise_points(x0, t):
    z = torch.randn_like(x0)
    a = signal[t].view(-1, 1)
    return torch.sqrt(a) * x0 + torch.sqrt(1 - a) * z, z


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(T + 1, 16)
        self.net = nn.Sequential(
            nn.Linear(18, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 2),
        )

    def forward(self, x, t):
        return self.net(torch.cat([x, self.time(t)], dim=-1))


def train_diffusion(sample_points, steps):
    model = Denoiser().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in tqdm(range(steps), leave=False):
        x0 = sample_points(512).to(device)
        t = torch.randint(0, T + 1, (512,), device=device)
        xt, z = noise_points(x0, t)
        loss = ((model(xt, t) - z) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return model, losses


def sample(model, n):
    x = torch.randn(n, 2, device=device)
    history = [x]
    with torch.no_grad():
        for t in reversed(range(1, T + 1)):
            eps = model(x, torch.full((n,), t, dtype=torch.long, device=device))
            x0 = (x - torch.sqrt(1 - signal[t]) * eps) / torch.sqrt(signal[t])
            x = torch.sqrt(signal[t - 1]) * x0 + torch.sqrt(1 - signal[t - 1]) * eps
            history.append(x)
    return torch.stack(history).cpu()
