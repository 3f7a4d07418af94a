#!/usr/bin/env python
"""DDPM. With a lot of asserts."""
import sys

sys.path.append("/content/drive/MyDrive/ift6135")
sys.path.insert(0, "..")

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from networks import Unet

np.random.seed(0)
torch.manual_seed(0)
T = 1000
image_size, channels, batch_size = 32, 3, 64
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def linear_beta_schedule(beta_start, beta_end, timesteps):
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a, t, x_shape):
    batch_size = t.shape[0]
    out = a.gather(-1, t.cpu())
    return out.reshape(batch_size, *((1,) * (len(x_shape) - 1))).to(t.device)


betas = linear_beta_schedule(0.0001, 0.02, timesteps=T)
alphas = torch.sub(1.0, betas)
sqrt_recip_alphas = torch.reciprocal(torch.sqrt(alphas))
alphas_cumprod = torch.exp(torch.cumsum(torch.log(alphas.double()), dim=0)).float()
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1.0 - alphas_cumprod)
alphas_cumprod_prev = torch.cat([torch.tensor([1.0]), alphas_cumprod])[:-1]
posterior_variance = torch.div(betas * (1.0 - alphas_cumprod_prev), 1.0 - alphas_cumprod)
assert betas.shape == posterior_variance.shape == (T,)

model = Unet(dim=image_size, channels=channels, dim_mults=(1, 2, 4))
model.to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)


def q_sample(x_start, t, noise=None):
    assert t.shape[0] == x_start.shape[0]
    if noise is None:
        noise = torch.randn_like(x_start)
    assert noise.shape == x_start.shape
    shape = x_start.shape
    return extract(sqrt_alphas_cumprod, t, shape) * x_start + extract(sqrt_one_minus_alphas_cumprod, t, shape) * noise


@torch.no_grad()
def p_sample(model, x, t, t_index):
    assert (t == t_index).all()
    predicted = model(x, t)
    assert predicted.shape == x.shape
    beta_t = extract(betas, t, x.shape)
    mean = extract(sqrt_recip_alphas, t, x.shape) * (
        x - beta_t * predicted / extract(sqrt_one_minus_alphas_cumprod, t, x.shape)
    )
    if t_index == 0:
        return mean
    return torch.normal(mean, torch.sqrt(extract(posterior_variance, t, x.shape)).expand_as(mean))


@torch.no_grad()
def p_sample_loop(model, shape, timesteps):
    was_training = model.training
    model.eval()
    try:
        x = torch.randn(shape).to(next(model.parameters()).device)
        imgs = []
        for i in reversed(range(timesteps)):
            t = torch.full((shape[0],), fill_value=i, dtype=torch.long, device=x.device)
            x = p_sample(model, x, t, i)
            assert not torch.isnan(x).any()
            imgs.append(x.clone().cpu())
    finally:
        model.train(was_training)
    out = torch.stack(imgs)
    assert out.shape == (timesteps, *shape)
    return out


def sample(model, image_size, batch_size=16, channels=3):
    return p_sample_loop(model, shape=(batch_size, channels, image_size, image_size), timesteps=T)


def p_losses(denoise_model, x_start, t):
    noise = torch.randn_like(x_start)
    predicted = denoise_model(q_sample(x_start, t, noise=noise), t)
    assert predicted.shape == noise.shape
    return F.smooth_l1_loss(predicted, noise, reduction="sum") / noise.numel()


def t_sample(timesteps, batch_size):
    t = torch.randint(0, timesteps, (batch_size,), dtype=torch.long)
    assert t.min() >= 0 and t.max() < timesteps
    return t
