# %% [markdown]
# plot_latents and forward go past the methods to the layers; the sampler's step is written into the loop; images in
# float16-safe order.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn


# %%
class VAE(nn.Module):
    def __init__(self, z_dims=2, image_size=28):
        super().__init__()
        self.z_dims, self.image_size = z_dims, image_size
        n = image_size**2
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(n, 300), nn.SiLU(), nn.Linear(300, 2 * z_dims))
        self.decoder = nn.Sequential(nn.Linear(z_dims, 300), nn.SiLU(), nn.Linear(300, n), nn.Sigmoid())

    def encode(self, x):
        h = self.encoder(x)
        return h[:, : self.z_dims], h[:, self.z_dims :].clamp(-12, 12)

    def reparameterize(self, mu, logvar):
        return mu + logvar.mul(0.5).exp_() * torch.randn(mu.shape[0], self.z_dims, device=mu.device)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = h[:, : self.z_dims], h[:, self.z_dims :].clamp(-12, 12)
        z = torch.addcmul(mu, (logvar / 2).exp(), torch.randn_like(mu))
        return self.decoder(z), mu, logvar


def vae_loss(x_hat, x, mu, logvar):
    reconstruction = nn.BCELoss(reduction="sum")(x_hat, x.flatten(1)) / x.shape[0]
    return reconstruction + 0.5 * (logvar.exp() + mu.square() - logvar - 1).sum(-1).mean()


# %%
def plot_latents(model, i=0, j=1):
    s = model.image_size
    values = np.arange(-9, 10, 2) / 4
    z = torch.zeros(10, 10, model.z_dims)
    z[..., i] = torch.as_tensor(values, dtype=torch.float32)[:, None]
    z[..., j] = torch.as_tensor(values, dtype=torch.float32)
    with torch.no_grad():
        images = model.decoder(z.reshape(100, -1))
    grid = rearrange(images, "(r c) (h w) -> (r h) (c w)", r=10, h=s).numpy()
    plt.matshow(grid, cmap="gray_r")
    return grid


# %%
def kl_to_standard_normal(x0, alpha_bar):
    sigma2 = 1 - alpha_bar
    return ((alpha_bar * x0**2 + sigma2 - sigma2.log() - 1) / 2).sum(-1)


# %%
T = 200


def linear_beta_schedule(timesteps):
    return torch.from_numpy(np.linspace(0.1, 20, timesteps) / timesteps).float()


beta = linear_beta_schedule(T)
abar = (1 - beta).double().cumprod(0).float()


def level(t):
    return abar[t].reshape(-1, 1, 1, 1)


def q_sample(x_0, t, noise=None):
    noise = torch.randn_like(x_0) if noise is None else noise
    return x_0 * level(t) ** 0.5 + noise * (1 - level(t)) ** 0.5


def p_losses(model, x_0, t, noise=None):
    noise = torch.randn_like(x_0) if noise is None else noise
    x_t = x_0 * level(t) ** 0.5 + noise * (1 - level(t)) ** 0.5
    return F.mse_loss(model(x_t, t), noise, reduction="mean")


def step(model, x, k):
    b, a = beta[k], abar[k]
    mean = (x - b * model(x, torch.full((x.shape[0],), k)) / (1 - a).sqrt()) / (1 - b).sqrt()
    if k == 0:
        return mean
    return mean + ((1 - abar[k - 1]) / (1 - a) * b).sqrt() * torch.randn_like(x)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    return step(model, x, int(t[0]))


@torch.no_grad()
def p_sample_loop(model, shape):
    images = [torch.randn(shape)]
    for k in range(T - 1, -1, -1):
        images.append(step(model, images[-1], k))
    return images


# %%
def plot_snapshots(images):
    rows = min(3, len(images[0]))
    fig, axes = plt.subplots(rows, 6, squeeze=False)
    for r in range(rows):
        for c, t in enumerate([200, 100, 50, 20, 10, 0]):
            axes[r, c].imshow(np.asarray(images[T - t][r, 0]), cmap="gray")
    return fig
