"""Points as numpy arrays, sines of the steps, a thousand small steps, DDPM with the larger variance."""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn, optim


class Encoder(nn.Module):
    def __init__(self, latent_dim=2):
        super().__init__()
        self.fc1 = nn.Linear(784, 256)
        self.fc2 = nn.Linear(256, 64)
        self.fc3 = nn.Linear(64, latent_dim)

    def forward(self, x):
        x = x.reshape(len(x), -1)
        x = torch.tanh(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return self.fc3(x)


class Decoder(nn.Module):
    def __init__(self, latent_dim=2):
        super().__init__()
        self.fc1 = nn.Linear(latent_dim, 64)
        self.fc2 = nn.Linear(64, 256)
        self.fc3 = nn.Linear(256, 784)

    def forward(self, z):
        z = torch.tanh(self.fc1(z))
        z = torch.tanh(self.fc2(z))
        return self.fc3(z).reshape(-1, 1, 28, 28)


def train_autoencoder(images, epochs):
    encoder = Encoder()
    decoder = Decoder()
    opt_e = optim.Adam(encoder.parameters(), lr=1e-3)
    opt_d = optim.Adam(decoder.parameters(), lr=1e-3)
    history = []
    for _ in range(epochs):
        perm = np.random.permutation(len(images))
        for start in range(0, len(images), 32):
            batch = images[perm[start : start + 32]]
            loss = nn.MSELoss()(decoder(encoder(batch)), batch)
            opt_e.zero_grad()
            opt_d.zero_grad()
            loss.backward()
            opt_e.step()
            opt_d.step()
        history.append(float(loss))
    return encoder, decoder, history


def plot_clusters(encoder, images, labels):
    codes = encoder(images).detach().numpy()
    labels = np.array(labels)
    plt.figure()
    for value in np.unique(labels):
        chosen = codes[labels == value]
        plt.plot(chosen[:, 0], chosen[:, 1], ".", label=f"{value}")
    plt.legend()
    return plt.gca()


def plot_grid(decoder, xs, ys):
    """Columns are x, rows are y from top to bottom; an image for each panel, black on white."""
    fig, axs = plt.subplots(len(xs), len(ys))
    for i in range(len(xs)):
        for j in range(len(ys)):
            z = torch.from_numpy(np.array([xs[i], ys[j]], dtype=np.float32))
            axs[i, j].imshow(1 - decoder(z).detach().numpy().reshape(28, 28), cmap="gray")
            axs[i, j].set_xticks([])
            axs[i, j].set_yticks([])
    return fig, axs


class VariationalEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = Encoder(latent_dim=4)

    def forward(self, x):
        out = self.base(x)
        return out[:, :2], torch.exp(0.5 * out[:, 2:])


def kl_loss(mu, sigma):
    return -0.5 * torch.mean(torch.sum(1 + torch.log(sigma**2) - mu**2 - sigma**2, dim=1), dim=0)


def sample_latent(mu, sigma):
    eps = torch.from_numpy(np.random.randn(*mu.shape)).float()
    return eps * sigma + mu


def sample_points(n):
    """A square."""
    return np.random.uniform(-1.5, 1.5, size=(n, 2))


T = 1000
alpha = 0.995


def noise_points(x0, t):
    x0 = torch.as_tensor(np.asarray(x0)).float()
    z = torch.randn(x0.shape)
    level = torch.tensor(alpha) ** t
    return torch.sqrt(level) * x0 + torch.sqrt(1 - level) * z, z


class Net(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.first = nn.Linear(2 + 16, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.last = nn.Linear(width, 2)

    def forward(self, x, t):
        t = torch.as_tensor(t).reshape(-1, 1).float().expand(len(x), 1)
        frequencies = torch.exp(-math.log(1000) * torch.arange(8) / 8)
        emb = torch.cat([torch.sin(t * frequencies), torch.cos(t * frequencies)], dim=1)
        h = torch.relu(self.first(torch.cat([x, emb], dim=1)))
        h = h + torch.relu(self.second(h))
        h = h + torch.relu(self.third(h))
        return self.last(h)


def train_diffusion(sample_points, steps):
    net = Net()
    optimizer = optim.RMSprop(net.parameters(), lr=1e-3)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=max(steps // 3, 1), gamma=0.3)
    losses = np.zeros(steps)
    for i in range(steps):
        x0 = sample_points(400)
        t = torch.randint(1, T + 1, (400, 1))
        x_t, z = noise_points(x0, t)
        loss = nn.functional.smooth_l1_loss(net(x_t, t), z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses[i] = loss.item()
    return net, losses


def sample(model, n):
    x = torch.randn(n, 2)
    trajectory = np.zeros((T + 1, n, 2), dtype=np.float32)
    trajectory[0] = x.numpy()
    for k in range(1, T + 1):
        t = T + 1 - k
        eps = model(x, t * torch.ones(n, 1)).detach()
        x = (x - (1 - alpha) / np.sqrt(1 - alpha**t) * eps) / np.sqrt(alpha)
        if t > 1:
            x = x + np.sqrt(1 - alpha) * torch.randn(n, 2)
        x = x.float()
        trajectory[k] = x.numpy()
    return trajectory
