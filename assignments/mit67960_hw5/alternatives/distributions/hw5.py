# %% [markdown]
# torch.distributions for everything random, one network after the other, coefficients computed anew at every call.

# %%
import matplotlib.pyplot as plt
import torch
import torch.distributions as D
from torch import nn
from torchvision.utils import make_grid

# %%
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
T = 200
SHOWN = [200, 100, 50, 20, 10, 0]


def mlp(*widths):
    layers = []
    for k in range(len(widths) - 1):
        layers += [nn.Linear(widths[k], widths[k + 1]), nn.LayerNorm(widths[k + 1]), nn.GELU()]
    return nn.Sequential(*layers[:-2])


# %%
class VAE(nn.Module):
    def __init__(self, z_dims=2, image_size=28):
        super().__init__()
        pixels = image_size * image_size
        self.mean_network = mlp(pixels, 128, 64, z_dims)
        self.logvar_network = mlp(pixels, 128, 64, z_dims)
        self.generator = mlp(z_dims, 64, 128, pixels)
        self.z = z_dims
        self.to(device)

    def encode(self, x):
        assert x.ndim == 2, "flat images only"
        return [self.mean_network(x), self.logvar_network(x)]

    def reparameterize(self, mu, logvar):
        return D.Normal(mu, logvar.exp().sqrt()).rsample()

    def decode(self, z):
        return D.Bernoulli(logits=self.generator(z)).mean

    def forward(self, x):
        mu, logvar = self.encode(x.reshape(x.shape[0], -1))
        z = self.reparameterize(mu=mu, logvar=logvar)
        return self.decode(z), mu, logvar


def vae_loss(x_hat, x, mu, logvar):
    assert x.shape == x_hat.shape
    q = D.Independent(D.Normal(mu, (logvar / 2).exp()), 1)
    p = D.Independent(D.Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    log_likelihood = x * torch.log(x_hat + 1e-10) + (1 - x) * torch.log(1 - x_hat + 1e-10)
    return (D.kl_divergence(q, p) - log_likelihood.sum(dim=-1)).mean()


# %%
@torch.no_grad()
def plot_latents(model, i=0, j=1):
    ppf = D.Normal(0.0, 1.0).icdf(torch.linspace(0.05, 0.95, 10, device=device))
    a, b = torch.meshgrid(ppf, ppf, indexing="xy")
    z = torch.zeros(10, 10, model.z, device=device)
    z[:, :, i], z[:, :, j] = a, b
    images = model.decode(z.view(100, -1))
    s = round(images.shape[-1] ** 0.5)
    images = images.view(100, 1, s, s)
    canvas = make_grid(images, nrow=10, padding=0)[0].cpu()
    _, axes = plt.subplots(10, 10, figsize=(6, 6))
    for axis, image in zip(axes.flat, images, strict=True):
        axis.imshow(image[0].cpu(), vmin=0, vmax=1)
        axis.set_axis_off()
    return canvas


# %%
def kl_to_standard_normal(x0, alpha_bar):
    q = D.MultivariateNormal(alpha_bar**0.5 * x0, (1 - alpha_bar) * torch.eye(len(x0)))
    return float(D.kl_divergence(q, D.MultivariateNormal(torch.zeros_like(x0), torch.eye(len(x0)))))


# %%
def linear_beta_schedule(timesteps):
    k = torch.arange(timesteps).double()
    return 0.1 / timesteps + (20 - 0.1) / timesteps * k / (timesteps - 1)


def coefficients(t, x):
    beta = linear_beta_schedule(T).to(x.device)
    abar = torch.exp(torch.cumsum(torch.log1p(-beta), 0))
    before = torch.cat([abar.new_ones(1), abar[:-1]])
    return [c[t].reshape(-1, 1, 1, 1).to(x.dtype) for c in (beta, abar, before)]


def q_sample(x_0, t, noise=None):
    _, abar, _ = coefficients(t, x_0)
    q = D.Normal(abar.sqrt() * x_0, (1 - abar).sqrt().expand_as(x_0))
    return q.rsample() if noise is None else q.loc + q.scale * noise


def p_losses(model, x_0, t, noise=None):
    noise = D.Normal(torch.zeros_like(x_0), 1.0).sample() if noise is None else noise
    return nn.MSELoss()(model(q_sample(x_0, t, noise), t), noise)


def p_sample(model, x, t, t_index):
    with torch.no_grad():
        beta, abar, before = coefficients(t, x)
        start = (x - (1 - abar).sqrt() * model(x, t)) / abar.sqrt()
        mean = ((1 - beta).sqrt() * (1 - before) * x + before.sqrt() * beta * start) / (1 - abar)
        if t_index == 0:
            return mean
        return D.Normal(mean, (beta * (1 - before) / (1 - abar)).sqrt()).sample()


def p_sample_loop(model, shape):
    model.eval()
    x = D.Normal(0.0, 1.0).sample(shape).to(device)
    out = [x.cpu()]
    for t in range(T, 0, -1):
        x = p_sample(model, x, torch.tensor([t - 1] * shape[0], device=device), t - 1)
        out += [x.cpu()]
    return torch.stack(out, dim=0)


# %%
def plot_snapshots(images):
    chosen = torch.stack([images[len(images) - 1 - t, 0] for t in SHOWN])
    sheet = make_grid(chosen, nrow=6, normalize=True, padding=2)
    fig = plt.figure(figsize=(12, 2))
    plt.imshow(sheet.permute(1, 2, 0))
    plt.axis("off")
    return fig
