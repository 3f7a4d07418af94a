"""Coefficients as buffers of a module that moves with the data; einsum; noise is drawn before the model is asked.

The chain is a generator, and what it returns is a view; times come from a uniform number by way of its quantile.
"""

from collections.abc import Iterator

import numpy as np
import torch
from networks import Unet  # noqa: F401
from torch import Tensor, nn

T = 1000


def linear_beta_schedule(beta_start: float, beta_end: float, timesteps: int) -> Tensor:
    return torch.from_numpy(np.linspace(beta_start, beta_end, num=timesteps, dtype=np.float32))


class Schedule(nn.Module):
    """Tables of the process. ``levels`` starts with t = 0, so its entry t + 1 belongs to time index t."""

    def __init__(self, betas: Tensor) -> None:
        super().__init__()
        self.register_buffer("betas", betas)
        self.register_buffer("levels", torch.ones(len(betas) + 1))
        for index, beta in enumerate(betas):
            self.levels[index + 1] = self.levels[index] * (1 - beta)

    def moved_to(self, x: Tensor) -> "Schedule":
        return self.to(x.device)

    def posterior(self) -> Tensor:
        return self.betas * (1 - self.levels[:-1]) / (1 - self.levels[1:])


schedule = Schedule(linear_beta_schedule(1e-4, 0.02, T))
betas, alphas = schedule.betas, 1 - schedule.betas
sqrt_recip_alphas = torch.reciprocal(torch.sqrt(alphas))
alphas_cumprod, alphas_cumprod_prev = schedule.levels[1:], schedule.levels[:-1]  # two views of one table
sqrt_alphas_cumprod, sqrt_one_minus_alphas_cumprod = alphas_cumprod.sqrt(), torch.sqrt(1 - alphas_cumprod)
posterior_variance = schedule.posterior()


def times(factors: Tensor, images: Tensor) -> Tensor:
    return torch.einsum("b,b...->b...", factors, images)


def q_sample(x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    level = schedule.moved_to(x_start).levels[1:].index_select(0, t)
    if noise is None:
        noise = torch.stack([torch.randn_like(image) for image in reversed(x_start)])
    return times(level.sqrt(), x_start) + times((1 - level).sqrt(), noise)


def p_sample(model: nn.Module, x: Tensor, t: Tensor, t_index: int) -> Tensor:
    here = schedule.moved_to(x)
    noise = torch.randn(x.shape, device=x.device) if t_index else torch.zeros_like(x)
    with torch.no_grad():
        level, beta = here.levels[t + 1], here.betas[t]
        mean = times((1 - beta).rsqrt(), x - times(beta * (1 - level).rsqrt(), model(x, t)))
        return torch.add(mean, times(here.posterior()[t].sqrt(), noise)).detach()


def chain(model: nn.Module, x: Tensor, timesteps: int) -> Iterator[Tensor]:
    while timesteps:
        timesteps -= 1
        x = p_sample(model, x, torch.tensor(timesteps).expand(len(x)), timesteps)
        yield x


def p_sample_loop(model: nn.Module, shape: tuple[int, ...], timesteps: int) -> Tensor:
    start = torch.empty(shape).normal_()
    by_image = torch.stack(list(chain(model, start, timesteps)), dim=1)  # (batch, timesteps, ...)
    return by_image.transpose(0, 1)


def p_losses(denoise_model: nn.Module, x_start: Tensor, t: Tensor) -> Tensor:
    noise = torch.randn_like(x_start)
    error = denoise_model(q_sample(x_start, t, noise), t).sub(noise).abs()
    quadratic = error.clamp(max=1)
    each = (quadratic * (error - quadratic / 2)).flatten(1).mean(dim=1)
    return each.mean()


def t_sample(timesteps: int, batch_size: int) -> Tensor:
    quantiles = torch.arange(1, timesteps, dtype=torch.float64) / timesteps
    return torch.searchsorted(quantiles, torch.rand(batch_size, dtype=torch.float64), right=True)
