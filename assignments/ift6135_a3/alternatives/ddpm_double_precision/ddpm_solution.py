"""Coefficients in double precision, one dictionary of them for each batch, images all in one tensor from the start."""

import torch
from networks import Unet  # noqa: F401
from torch.nn.functional import huber_loss

T = 1000


def linear_beta_schedule(beta_start: float, beta_end: float, timesteps: int) -> torch.Tensor:
    return torch.linspace(beta_start, beta_end, timesteps, dtype=torch.float64)


betas = linear_beta_schedule(1e-4, 0.02, T)
alphas = 1 - betas
sqrt_recip_alphas = 1 / alphas.sqrt()
alphas_cumprod = alphas.log().cumsum(0).exp()
sqrt_alphas_cumprod = alphas_cumprod.sqrt()
sqrt_one_minus_alphas_cumprod = (1 - alphas_cumprod).sqrt()
alphas_cumprod_prev = alphas_cumprod.roll(1)
alphas_cumprod_prev[0] = 1
posterior_variance = betas * (1 - alphas_cumprod_prev) / (1 - alphas_cumprod)


def of_batch(t, x):
    """All coefficients at t in the precision of x, ready to multiply images."""
    names = ["betas", "sqrt_recip_alphas", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "posterior_variance"]
    return {name: globals()[name].to(x)[t, None, None, None] for name in names}


def q_sample(x_start, t, noise=None):
    c = of_batch(t, x_start)
    if noise is None:
        noise = torch.empty_like(x_start).normal_()
    return torch.lerp(noise * 0, x_start, c["sqrt_alphas_cumprod"]) + noise * c["sqrt_one_minus_alphas_cumprod"]


@torch.inference_mode()
def p_sample(model, x, t, t_index):
    c = of_batch(t, x)
    direction = model(x, t) / c["sqrt_one_minus_alphas_cumprod"]
    mean = c["sqrt_recip_alphas"] * torch.addcmul(x, c["betas"], direction, value=-1)
    return mean + c["posterior_variance"].sqrt() * torch.randn_like(x)  # the variance at index 0 is 0


@torch.inference_mode()
def p_sample_loop(model, shape, timesteps, progress=False):
    model.eval()
    images = torch.empty(timesteps + 1, *shape)
    images[0].normal_()
    indices = torch.arange(timesteps - 1, -1, -1)
    for place, index in enumerate(indices.tolist()):
        t = indices[place].repeat(shape[0])
        images[place + 1] = p_sample(model, images[place], t=t, t_index=index)
    return images[1:]


def p_losses(denoise_model, x_start, t, loss=huber_loss):
    noise = torch.randn_like(x_start)
    return loss(denoise_model(q_sample(x_start, t, noise=noise), t), noise)


def t_sample(timesteps, batch_size):
    return (torch.rand(batch_size, dtype=torch.float64) * timesteps).floor().to(torch.int64)
