"""The reverse step through an estimate of the clean image (Ho et al. 2020, equation 7), and each function by itself.

Nothing is reused: the chain has its own step, the loss adds its own noise. The coefficients come from a plain loop.
"""

import numpy as np
import torch
from networks import Unet  # noqa: F401
from torch import tensor

T = 1000


def linear_beta_schedule(beta_start, beta_end, timesteps):
    step = (beta_end - beta_start) / (timesteps - 1)
    return tensor([beta_start + step * k for k in range(timesteps)])


betas = linear_beta_schedule(1e-4, 0.02, T)
alphas = torch.ones(T).sub(betas)
sqrt_recip_alphas = alphas.pow(-0.5)

products = [1.0]
for alpha in alphas.tolist():
    products.append(products[-1] * alpha)
alphas_cumprod = tensor(products[1:])
alphas_cumprod_prev = tensor(products[:-1])
sqrt_alphas_cumprod = alphas_cumprod**0.5
sqrt_one_minus_alphas_cumprod = (1 - alphas_cumprod) ** 0.5
posterior_variance = torch.zeros(T)
posterior_variance[1:] = betas[1:] * ((1 - alphas_cumprod[:-1]) / (1 - alphas_cumprod[1:]))

start_factor = betas * alphas_cumprod_prev.sqrt() / (1 - alphas_cumprod)
image_factor = alphas.sqrt() * (1 - alphas_cumprod_prev) / (1 - alphas_cumprod)


def q_sample(x_start, t, noise=None):
    noise = torch.normal(0.0, 1.0, x_start.shape) if noise is None else noise
    level = alphas_cumprod[t].view(-1, 1, 1, 1)
    return torch.addcmul(level.sqrt() * x_start, (1 - level).sqrt(), noise)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    start = (x - sqrt_one_minus_alphas_cumprod[t_index] * model(x, t)) / sqrt_alphas_cumprod[t_index]
    mean = start_factor[t_index] * start + image_factor[t_index] * x
    deviation = posterior_variance[t_index].sqrt() if t_index > 0 else 0.0
    return mean + deviation * torch.randn(x.shape)


def p_sample_loop(model, shape, timesteps):
    x, images = torch.randn(*shape), []
    with torch.no_grad():
        for index in range(timesteps)[::-1]:
            every = torch.zeros(shape[0], dtype=torch.long) + index
            eps = model(x, every)
            x = (x - betas[index] / (1 - alphas_cumprod[index]).sqrt() * eps) / alphas[index].sqrt()
            if index:
                x = x + posterior_variance[index].sqrt() * torch.randn(*shape)
            images.append(x.unsqueeze(0))
    return torch.cat(images).cpu()


def p_losses(denoise_model, x_start, t):
    noise = torch.randn(x_start.size())
    level = alphas_cumprod[t].reshape(len(t), 1, 1, 1)
    error = (denoise_model(level.sqrt() * x_start + (1 - level).sqrt() * noise, t) - noise).abs()
    return torch.where(error < 1.0, 0.5 * error * error, error - 0.5).sum() / error.numel()


def t_sample(timesteps, batch_size):
    return torch.from_numpy(np.random.randint(0, timesteps, size=batch_size))
