"""Trusted stand-ins for the parts of the diffusion model that an item is not about; T is 200 throughout."""

from __future__ import annotations

import math
from typing import Any

import torch
from _oracles import diffusion
from torch import Tensor

from autograder.checks import Callback, StandIns, is_remote

T = 200
KEPT = 0.8


def betas(timesteps: int) -> Tensor:
    """The schedule in float64: from 0.1 / timesteps to 20 / timesteps."""
    return diffusion.linear_betas(0.1 / timesteps, 20 / timesteps, timesteps)


TABLES = diffusion.Tables(betas(T))


def linear_beta_schedule(timesteps: int) -> Tensor:
    """The betas, float32 (timesteps,)."""
    return betas(int(timesteps)).float()


def fresh_noise(like: Tensor) -> Tensor:
    """Standard normal noise in float64, independent of the worker's, whose generator starts every example as ours."""
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    return torch.randn(like.shape, generator=generator, dtype=torch.float64)


def q_sample(x_0: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    """Noisy images, with noise that is given or fresh."""
    _judge_times(x_0, t)
    noise = fresh_noise(x_0) if noise is None else noise
    return diffusion.q_sample(TABLES, x_0, t, noise).to(x_0.dtype)


def moved(x: Tensor, t: Tensor, t_index: int) -> Tensor:
    """What the stand-in of p_sample makes of images: known, and different for every t and every t_index."""
    by_image = torch.sin(1.7 * t.double() + 1).reshape(-1, *[1] * (x.ndim - 1))
    return KEPT * x.double() + 0.3 * by_image + 0.3 * math.sin(2.3 * t_index + 2)


def p_sample(model: Any, x: Tensor, t: Tensor, t_index: int) -> Tensor:
    """A step without chance, whatever the model: that stays in the worker."""
    if not is_remote(model):
        raise TypeError("p_sample(model, x, t, t_index) needs the model first")
    _judge_times(x, t)
    return moved(x, t, int(t_index)).to(x.dtype)


def _judge_times(x: Tensor, t: Tensor) -> None:
    if not isinstance(t, Tensor) or t.is_floating_point() or t.shape != x.shape[:1]:
        raise TypeError(f"a time index for each image is needed: t of shape ({len(x)},), of whole numbers")
    if bool(((t < 0) | (t >= T)).any()):
        raise TypeError(f"time indices run from 0 to {T - 1}")


SCHEDULE: StandIns = {"hw5.linear_beta_schedule": Callback(linear_beta_schedule)}

STAND_INS: dict[str, StandIns] = {
    "q11.diffusion.q_sample": SCHEDULE,
    "q11.diffusion.p_losses": {**SCHEDULE, "hw5.q_sample": Callback(q_sample)},
    "q11.diffusion.p_sample": SCHEDULE,
    "q11.diffusion.p_sample_loop": {**SCHEDULE, "hw5.p_sample": Callback(p_sample)},
    "q11.diffusion.training": {**SCHEDULE, "hw5.q_sample": Callback(q_sample)},
}
