# %% [markdown]
# Everything in float64, a shared body for encoder heads, dropout, scipy-free formulas written out by coordinates.

# %%
import matplotlib.pyplot as plt
import torch
from torch import nn

DTYPE = torch.float64


# %%
class VAE(nn.Module):
    def __init__(self, z_dims=2, image_size=28, width=96):
        super().__init__()
        self.n, self.z = image_size, z_dims
        self.body = nn.Sequential(nn.Linear(image_size**2, width), nn.Tanh(), nn.Dropout(0.1))
        self.location = nn.Linear(width, z_dims)
        self.log_scale = nn.Linear(width, z_dims)
        nn.init.zeros_(self.log_scale.weight)
        nn.init.constant_(self.log_scale.bias, -0.5)
        self.back = nn.ModuleList([nn.Linear(z_dims, width), nn.Linear(width, image_size**2)])
        self.double()

    def encode(self, x):
        features = self.body(torch.flatten(x, start_dim=1).to(DTYPE))
        return self.location(features), 2 * self.log_scale(features)

    @staticmethod
    def reparameterize(mu, logvar):
        return mu.to(DTYPE) + torch.sqrt(torch.exp(logvar.to(DTYPE))) * torch.randn(mu.shape, dtype=DTYPE)

    def decode(self, z):
        h = torch.tanh(self.back[0](z.to(DTYPE)))
        return 0.5 * (1 + torch.tanh(self.back[1](h) / 2))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def vae_loss(x_hat, x, mu, logvar):
    total = 0.0
    for p, target, m, v in zip(x_hat.double(), x.double(), mu.double(), logvar.double(), strict=True):
        target = target.reshape(-1)
        total = total - (torch.xlogy(target, p) + torch.xlogy(1 - target, 1 - p)).sum()
        total = total + (m * m / 2 + v.exp() / 2 - v / 2 - 0.5).sum()
    return total / x.size(0)


# %%
def plot_latents(model, i=0, j=1, count=10, low=-1.5, high=1.5):
    axis = torch.linspace(low, high, count, dtype=DTYPE)
    basis = torch.eye(model.z, dtype=DTYPE)
    lines = []
    for a in axis:
        codes = a * basis[i] + axis[:, None] * basis[j]
        with torch.no_grad():
            lines.append(torch.cat(list(model.decode(codes).reshape(count, model.n, model.n)), dim=1))
    picture = torch.cat(lines, dim=0).numpy()
    fig = plt.figure()
    fig.add_subplot(111).imshow(picture[::-1], origin="lower")
    return picture


# %%
def kl_to_standard_normal(x0, alpha_bar):
    a = float(alpha_bar)
    return sum(0.5 * (a * v * v - a - torch.tensor(1 - a, dtype=DTYPE).log()) for v in x0.double())


# %%
STEPS = 200


def linear_beta_schedule(timesteps):
    return torch.tensor([(0.1 + 19.9 * k / (timesteps - 1)) / timesteps for k in range(timesteps)], dtype=DTYPE)


BETA = linear_beta_schedule(STEPS)
LOG_LEVEL = torch.log1p(-BETA).cumsum(0)
LEVEL, REST = LOG_LEVEL.exp(), -torch.expm1(LOG_LEVEL)
VARIANCE = torch.cat([torch.zeros(1, dtype=DTYPE), BETA[1:] * REST[:-1] / REST[1:]])


def pick(table, t):
    return table.index_select(0, t)[:, None, None, None]


def q_sample(x_0, t, noise=None):
    noise = torch.randn(x_0.shape, dtype=DTYPE) if noise is None else noise
    return pick(LEVEL.sqrt(), t) * x_0 + pick(REST.sqrt(), t) * noise


def p_losses(model, x_0, t, noise=None):
    noise = torch.randn(x_0.shape, dtype=DTYPE) if noise is None else noise
    off = model(q_sample(x_0, t, noise), t) - noise
    return (off * off).sum() / off.numel()


def p_sample(model, x, t, t_index):
    with torch.no_grad():
        eps = model(x, t)
        mean = (x - pick(BETA / REST.sqrt(), t) * eps) / pick((1 - BETA).sqrt(), t)
        return mean + pick(VARIANCE.sqrt(), t) * torch.randn(x.shape, dtype=DTYPE)


def p_sample_loop(model, shape):
    def chain(x, t):
        yield x
        while t:
            t -= 1
            x = p_sample(model, x, torch.full(shape[:1], t), t)
            yield x

    return torch.stack(list(chain(torch.randn(shape, dtype=DTYPE), STEPS)))


# %%
def plot_snapshots(images):
    assert images.shape[1] == 1, "one image"
    _, axes = plt.subplots(1, 6, sharey=True)
    for k, t in enumerate((200, 100, 50, 20, 10, 0)):
        picture = images[STEPS - t].squeeze()
        low, high = picture.min(), picture.max()
        axes[k].imshow((picture - low) / (high - low), cmap="viridis")
        axes[k].set_xlabel(str(t))
    return axes
