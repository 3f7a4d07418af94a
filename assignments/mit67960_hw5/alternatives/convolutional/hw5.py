# %% [markdown]
# Convolutions, batch normalisation, forward through the layers themselves; tables in a module.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader

device = "cuda" if torch.cuda.is_available() else "cpu"

# %%
transform = torchvision.transforms.ToTensor()
train_set = torchvision.datasets.FashionMNIST("data", train=True, download=True, transform=transform)
train_loader = DataLoader(train_set, batch_size=128, shuffle=True, num_workers=2)


# %%
class VAE(nn.Module):
    def __init__(self, z_dims=2, image_size=28):
        super().__init__()
        self.latent_dim = z_dims
        self.side = image_size // 4
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.heads = nn.Linear(32 * self.side**2, 2 * z_dims)
        self.widen = nn.Linear(z_dims, 32 * self.side**2)
        self.deconv = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def encode(self, x):
        mu, logvar = self.heads(self.conv(x)).chunk(2, dim=-1)
        return mu, logvar

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        sigma = (0.5 * logvar).exp()
        return torch.empty_like(mu).normal_().mul(sigma).add(mu)

    def decode(self, z):
        hidden = F.relu(self.widen(z)).view(-1, 32, self.side, self.side)
        return torch.sigmoid(self.deconv(hidden)).flatten(1)

    def forward(self, x):
        mu, logvar = self.heads(self.conv(x)).split(self.latent_dim, dim=1)
        x_hat = self.decode(self.reparameterize(mu, logvar))
        return x_hat.view(x.shape), mu, logvar


def vae_loss(x_hat, x, mu, logvar):
    BCE = F.binary_cross_entropy(x_hat.view(x.size(0), -1), x.view(x.size(0), -1), reduction="none").sum(1)
    KLD = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
    return torch.mean(BCE + KLD)


# %%
vae = VAE(z_dims=2).to(device)
optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
for _epoch in range(10):
    for x, _ in train_loader:
        x = x.to(device)
        loss = vae_loss(*[(out := vae(x))[0], x, out[1], out[2]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(loss.item())


# %%
def plot_latents(model, i=0, j=1):
    n, span = 10, 2.5
    rows = []
    model.eval()
    with torch.no_grad():
        for zi in np.linspace(span, -span, n):
            row = []
            for zj in np.linspace(-span, span, n):
                z = torch.zeros(1, model.latent_dim).to(device)
                z[0, i] = zi
                z[0, j] = zj
                image = model.decode(z)
                size = int(np.sqrt(image.numel()))
                row.append(image.reshape(size, size).cpu().numpy())
            rows.append(np.concatenate(row, axis=1))
    grid = np.concatenate(rows, axis=0)
    fig, ax = plt.subplots(figsize=(8, 8))
    ax.imshow(grid, cmap="Greys_r")
    ax.axis("off")
    fig.tight_layout()
    return grid


plot_latents(vae)


# %%
def kl_to_standard_normal(x0, alpha_bar):
    d = x0.shape[-1]
    var = 1 - alpha_bar
    return 0.5 * ((alpha_bar * x0**2).sum() + d * var - d * torch.log(var) - d)


# %%
timesteps = 200


def linear_beta_schedule(timesteps):
    scale = 1000 / timesteps
    return torch.linspace(scale * 1e-4, scale * 0.02, timesteps, dtype=torch.float64)


class Tables:
    def __init__(self, T):
        betas = linear_beta_schedule(T)
        alphas = 1.0 - betas
        abar = torch.cumprod(alphas, 0)
        before = torch.cat((torch.ones(1, dtype=abar.dtype), abar[:-1]))
        self.betas, self.alphas, self.abar = betas, alphas, abar
        self.sigma = (betas * (1 - before) / (1 - abar)).sqrt()

    def at(self, name, t, x):
        return getattr(self, name).to(t.device)[t].float().view(-1, 1, 1, 1)


tables = Tables(timesteps)


def q_sample(x_0, t, noise=None):
    if noise is None:
        noise = torch.randn_like(x_0)
    abar = tables.at("abar", t, x_0)
    return abar.sqrt() * x_0 + (1 - abar).sqrt() * noise


def p_losses(model, x_0, t, noise=None):
    if noise is None:
        noise = torch.randn_like(x_0)
    return ((noise - model(q_sample(x_0=x_0, t=t, noise=noise), t)) ** 2).mean()


@torch.no_grad()
def p_sample(model, x, t, t_index):
    eps = model(x, t)
    alpha, beta, abar = (tables.at(name, t, x) for name in ("alphas", "betas", "abar"))
    mean = (x - beta / (1 - abar).sqrt() * eps) / alpha.sqrt()
    z = torch.randn_like(x) if t_index > 0 else 0.0
    return mean + tables.at("sigma", t, x) * z


@torch.no_grad()
def p_sample_loop(model, shape):
    device = next(model.parameters()).device
    out = torch.empty(timesteps + 1, *shape, device=device)
    out[0] = torch.randn(*shape, device=device)
    for k in range(timesteps):
        i = timesteps - 1 - k
        out[k + 1] = p_sample(model, out[k], torch.full((shape[0],), i, device=device), i)
    return out.cpu()


# %%
def plot_snapshots(images):
    plt.figure(figsize=(15, 3))
    for k, t in enumerate([200, 100, 50, 20, 10, 0]):
        plt.subplot(1, 6, k + 1)
        img = images[timesteps - t][0].squeeze()
        plt.imshow((img + 1) / 2, cmap="gray")
        plt.title(f"t={t}")
        plt.axis("off")
    plt.show()
