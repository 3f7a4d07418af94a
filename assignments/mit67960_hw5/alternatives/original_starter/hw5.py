# %% [markdown]
# In the style of well-known tutorials: `extract`, many global tables, tqdm, numpy arrays out of the sampling loop.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

# %%
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
batch_size = 128


# %%
class VAE(nn.Module):
    def __init__(self, z_dims=2, image_size=28):
        super(VAE, self).__init__()  # noqa: UP008
        self.z_dims = z_dims
        self.image_size = image_size
        self.fc1 = nn.Linear(image_size * image_size, 512)
        self.fc21 = nn.Linear(512, z_dims)
        self.fc22 = nn.Linear(512, z_dims)
        self.fc3 = nn.Linear(z_dims, 512)
        self.fc4 = nn.Linear(512, image_size * image_size)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, self.image_size * self.image_size))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def vae_loss(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, recon_x.shape[1]), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (BCE + KLD) / x.shape[0]


# %%
def plot_latents(model, i=0, j=1):
    n = 10
    digit_size = 28 if model.image_size == 28 else model.image_size
    figure = np.zeros((digit_size * n, digit_size * n))
    grid_x = np.linspace(-2, 2, n)
    grid_y = np.linspace(-2, 2, n)[::-1]
    for r, yi in enumerate(grid_y):
        for c, xi in enumerate(grid_x):
            z_sample = np.zeros((1, model.z_dims))
            z_sample[0, i], z_sample[0, j] = xi, yi
            x_decoded = model.decode(torch.tensor(z_sample, dtype=torch.float32).to(device))
            digit = x_decoded.detach().cpu().numpy()[0].reshape(digit_size, digit_size)
            figure[r * digit_size : (r + 1) * digit_size, c * digit_size : (c + 1) * digit_size] = digit
    plt.figure(figsize=(10, 10))
    plt.imshow(figure, cmap="Greys_r")
    plt.xlabel(f"z[{i}]")
    plt.ylabel(f"z[{j}]")
    plt.show()
    return figure


# %%
def kl_to_standard_normal(x0, alpha_bar):
    d = len(x0)
    a2 = alpha_bar * torch.norm(x0) ** 2
    return 0.5 * (a2 - d * alpha_bar - d * np.log(1 - alpha_bar.item()))


# %%
def linear_beta_schedule(timesteps):
    beta_start = 0.1 / timesteps
    beta_end = 20 / timesteps
    return torch.linspace(beta_start, beta_end, timesteps)


timesteps = 200
betas = linear_beta_schedule(timesteps=timesteps)
alphas = 1.0 - betas
alphas_cumprod = torch.cumprod(alphas, axis=0)
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
sqrt_recip_alphas = torch.sqrt(1.0 / alphas)
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1.0 - alphas_cumprod)
posterior_variance = betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)


def extract(a, t, x_shape):
    batch_size = t.shape[0]
    out = a.gather(-1, t.cpu())
    return out.reshape(batch_size, *((1,) * (len(x_shape) - 1))).to(t.device)


def q_sample(x_start, t, noise=None):
    if noise is None:
        noise = torch.randn_like(x_start)
    sqrt_alphas_cumprod_t = extract(sqrt_alphas_cumprod, t, x_start.shape)
    sqrt_one_minus_alphas_cumprod_t = extract(sqrt_one_minus_alphas_cumprod, t, x_start.shape)
    return sqrt_alphas_cumprod_t * x_start + sqrt_one_minus_alphas_cumprod_t * noise


def p_losses(denoise_model, x_start, t, noise=None, loss_type="l2"):
    if noise is None:
        noise = torch.randn_like(x_start)
    x_noisy = q_sample(x_start=x_start, t=t, noise=noise)
    predicted_noise = denoise_model(x_noisy, t)
    if loss_type == "l1":
        return F.l1_loss(noise, predicted_noise)
    return F.mse_loss(noise, predicted_noise)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    betas_t = extract(betas, t, x.shape)
    sqrt_one_minus_alphas_cumprod_t = extract(sqrt_one_minus_alphas_cumprod, t, x.shape)
    sqrt_recip_alphas_t = extract(sqrt_recip_alphas, t, x.shape)
    model_mean = sqrt_recip_alphas_t * (x - betas_t * model(x, t) / sqrt_one_minus_alphas_cumprod_t)
    if t_index == 0:
        return model_mean
    posterior_variance_t = extract(posterior_variance, t, x.shape)
    noise = torch.randn_like(x)
    return model_mean + torch.sqrt(posterior_variance_t) * noise


@torch.no_grad()
def p_sample_loop(model, shape):
    device = next(model.parameters()).device
    b = shape[0]
    img = torch.randn(shape, device=device)
    imgs = [img.cpu().numpy()]
    for i in tqdm(reversed(range(0, timesteps)), desc="sampling loop time step", total=timesteps, disable=True):
        img = p_sample(model, img, torch.full((b,), i, device=device, dtype=torch.long), i)
        imgs.append(img.cpu().numpy())
    return np.stack(imgs)


# %%
def plot_snapshots(images):
    fig, axs = plt.subplots(nrows=1, ncols=6, figsize=(18, 3))
    for ax, t in zip(axs, [200, 100, 50, 20, 10, 0], strict=True):
        ax.imshow(images[-1 - t][0].reshape(28, 28, 1), cmap="gray")
        ax.set(title=f"t = {t}", xticks=[], yticks=[])
    plt.tight_layout()
    return fig, axs
