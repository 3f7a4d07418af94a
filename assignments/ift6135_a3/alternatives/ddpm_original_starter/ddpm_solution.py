"""A hand-in in the style of the course's own starter file: self-contained, with a global device and its own U-Net."""

import math
import random
from functools import partial
from inspect import isfunction

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import einsum, nn
from torch.optim import Adam
from torchvision import transforms
from torchvision.utils import make_grid, save_image
from tqdm.auto import tqdm

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
random.seed(1)
np.random.seed(1)
torch.manual_seed(1)

image_size, channels, batch_size = 32, 3, 64
T = 1000


def exists(x):
    return x is not None


def default(val, d):
    if exists(val):
        return val
    return d() if isfunction(d) else d


class SinusoidalPositionEmbeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        half_dim = self.dim // 2
        frequencies = torch.exp(torch.arange(half_dim, device=time.device) * -(math.log(10000) / (half_dim - 1)))
        angles = time[:, None] * frequencies[None, :]
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class Attention(nn.Module):
    def __init__(self, dim, heads=2, dim_head=8):
        super().__init__()
        self.scale, self.heads = dim_head**-0.5, heads
        self.to_qkv = nn.Conv2d(dim, heads * dim_head * 3, 1, bias=False)
        self.to_out = nn.Conv2d(heads * dim_head, dim, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        qkv = self.to_qkv(x).chunk(3, dim=1)
        q, k, v = (rearrange(t, "b (h c) x y -> b h c (x y)", h=self.heads) for t in qkv)
        attention = (einsum("b h d i, b h d j -> b h i j", q, k) * self.scale).softmax(dim=-1)
        out = einsum("b h i j, b h d j -> b h i d", attention, v)
        return x + self.to_out(rearrange(out, "b h (x y) d -> b (h d) x y", x=h, y=w))


class Unet(nn.Module):
    def __init__(self, dim, init_dim=None, out_dim=None, dim_mults=(1, 2, 4, 8), channels=3):
        super().__init__()
        init_dim, out_dim = default(init_dim, dim), default(out_dim, channels)
        conv = partial(nn.Conv2d, kernel_size=3, padding=1)
        self.time_mlp = nn.Sequential(SinusoidalPositionEmbeddings(dim), nn.Linear(dim, init_dim), nn.GELU())
        self.first, self.middle, self.last = conv(channels, init_dim), Attention(init_dim), conv(init_dim, out_dim)

    def forward(self, x, time):
        h = self.first(x) + self.time_mlp(time)[:, :, None, None]
        return self.last(F.silu(self.middle(F.silu(h))))


def linear_beta_schedule(beta_start, beta_end, timesteps):
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a, t, x_shape):
    batch_size = t.shape[0]
    out = a.gather(-1, t.cpu())
    return out.reshape(batch_size, *((1,) * (len(x_shape) - 1))).to(t.device)


betas = linear_beta_schedule(0.0001, 0.02, T)

alphas = 1.0 - betas
sqrt_recip_alphas = torch.sqrt(1.0 / alphas)
alphas_cumprod = torch.cumprod(alphas, axis=0)
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1.0 - alphas_cumprod)
alphas_cumprod_prev = torch.cat((torch.tensor([1.0]), alphas_cumprod[:-1]))
posterior_variance = (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod) * betas


def q_sample(x_start, t, noise=None):
    if noise is None:
        noise = torch.randn_like(x_start)

    sqrt_alphas_cumprod_t = extract(sqrt_alphas_cumprod, t, x_start.shape)
    sqrt_one_minus_alphas_cumprod_t = extract(sqrt_one_minus_alphas_cumprod, t, x_start.shape)
    return sqrt_alphas_cumprod_t * x_start + sqrt_one_minus_alphas_cumprod_t * noise


def p_sample(model, x, t, t_index):
    with torch.no_grad():
        betas_t = extract(betas, t, x.shape)
        sqrt_one_minus_alphas_cumprod_t = extract(sqrt_one_minus_alphas_cumprod, t, x.shape)
        sqrt_recip_alphas_t = extract(sqrt_recip_alphas, t, x.shape)
        p_mean = sqrt_recip_alphas_t * (x - betas_t * model(x, t) / sqrt_one_minus_alphas_cumprod_t)

        if t_index == 0:
            sample = p_mean
        else:
            posterior_variance_t = extract(posterior_variance, t, x.shape)
            noise = torch.randn_like(x)
            sample = p_mean + torch.sqrt(posterior_variance_t) * noise
        return sample


def p_sample_loop(model, shape, timesteps):
    with torch.no_grad():
        b = shape[0]
        img = torch.randn(shape, device=device)
        imgs = []
        for i in tqdm(reversed(range(0, timesteps)), desc="sampling loop time step", total=timesteps):
            img = p_sample(model, img, torch.full((b,), i, device=device, dtype=torch.long), i)
            imgs.append(img.cpu())
        return torch.stack(imgs)


def sample(model, image_size, batch_size=16, channels=3):
    return p_sample_loop(model, shape=(batch_size, channels, image_size, image_size), timesteps=T)


def p_losses(denoise_model, x_start, t):
    noise = torch.randn_like(x_start)
    x_noisy = q_sample(x_start=x_start, t=t, noise=noise)
    predicted_noise = denoise_model(x_noisy, t)
    return F.smooth_l1_loss(noise, predicted_noise)


def t_sample(timesteps, batch_size):
    return torch.randint(0, timesteps, (batch_size,), device=device).long()


reverse_transform = transforms.Compose([transforms.Lambda(lambda x: (x + 1) / 2), transforms.ToPILImage()])

if __name__ == "__main__":
    unet = Unet(dim=image_size, channels=channels, dim_mults=(1, 2, 4)).to(device)
    optimizer = Adam(unet.parameters(), lr=1e-4)
    pictures = torch.rand(batch_size, channels, image_size, image_size, device=device) * 2 - 1
    p_losses(unet, pictures, t_sample(T, batch_size)).backward()
    optimizer.step()
    save_image(make_grid(sample(unet, image_size, batch_size=4)[-1]), "samples.png")
    plt.show()
