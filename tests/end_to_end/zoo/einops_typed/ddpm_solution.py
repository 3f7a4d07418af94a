"""Problem 2, with einops everywhere."""

from __future__ import annotations

from typing import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from networks import Unet
from torch import Tensor, nn
from tqdm.auto import trange

T = 1000


def linear_beta_schedule(beta_start: float, beta_end: float, timesteps: int) -> Tensor:
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a: Tensor, t: Tensor, x_shape: tuple[int, ...]) -> Tensor:
    return rearrange(a[t.cpu()], "b -> b 1 1 1").to(t.device)


def coefficients() -> dict[str, Tensor]:
    """All of them, computed in float64, as cumulative sums of logarithms."""
    betas = linear_beta_schedule(0.0001, 0.02, T).double()
    log_abar = torch.log1p(-betas).cumsum(0)
    abar = log_abar.exp()
    abar_prev = F.pad(abar, (1, -1), value=1.0)
    return {
        "betas": betas,
        "alphas": 1 - betas,
        "sqrt_recip_alphas": (1 - betas).rsqrt(),
        "alphas_cumprod": abar,
        "sqrt_alphas_cumprod": (log_abar / 2).exp(),
        "sqrt_one_minus_alphas_cumprod": (-torch.expm1(log_abar)).sqrt(),
        "alphas_cumprod_prev": abar_prev,
        "posterior_variance": betas * (1 - abar_prev) / -torch.expm1(log_abar),
    }


globals().update({name: value.float() for name, value in coefficients().items()})


def q_sample(x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    noise = torch.randn_like(x_start) if noise is None else noise
    signal, spread = (extract(c, t, x_start.shape) for c in (sqrt_alphas_cumprod, sqrt_one_minus_alphas_cumprod))
    return signal * x_start + spread * noise


def predict_x0(x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    return (x - extract(sqrt_one_minus_alphas_cumprod, t, x.shape) * eps) / extract(sqrt_alphas_cumprod, t, x.shape)


@torch.no_grad()
def p_sample(model: nn.Module, x: Tensor, t: Tensor, t_index: int) -> Tensor:
    """Through the posterior mean of Ho et al., equation 7."""
    x0 = predict_x0(x, t, model(x, t))
    c0 = betas * alphas_cumprod_prev.sqrt() / (1 - alphas_cumprod)
    ct = (1 - alphas_cumprod_prev) * alphas.sqrt() / (1 - alphas_cumprod)
    mean = extract(c0, t, x.shape) * x0 + extract(ct, t, x.shape) * x
    nonzero = rearrange((t > 0).float(), "b -> b 1 1 1")
    return mean + nonzero * extract(posterior_variance, t, x.shape).sqrt() * torch.randn_like(x)


@torch.no_grad()
def p_sample_loop(model: nn.Module, shape: tuple[int, ...], timesteps: int) -> Tensor:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    images = [torch.randn(shape, device=device)]
    for i in trange(timesteps - 1, -1, -1, leave=False):
        images.append(p_sample(model, images[-1], torch.full(shape[:1], i, device=device), i))
    return torch.stack([image.cpu() for image in images[1:]])


def sample(model: nn.Module, image_size: int, batch_size: int = 16, channels: int = 3) -> Tensor:
    return p_sample_loop(model, (batch_size, channels, image_size, image_size), T)


def p_losses(
    denoise_model: nn.Module, x_start: Tensor, t: Tensor, noise: Tensor | None = None, loss_type: str = "huber"
) -> Tensor:
    noise = torch.randn_like(x_start) if noise is None else noise
    losses: dict[str, Callable[..., Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss, "huber": F.smooth_l1_loss}
    return losses[loss_type](denoise_model(q_sample(x_start, t, noise), t), noise)


def t_sample(timesteps: int, batch_size: int) -> Tensor:
    return torch.multinomial(torch.ones(timesteps), batch_size, replacement=True)
