"""Trusted stand-ins for the parts of the diffusion model that an item is not about; T is 200 throughout."""

from __future__ import annotations

import torch
from autograder_proofs.oracles import diffusion
from torch import Tensor

from autograder.checks import Callback, StandIns

T = 200


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
    _check_times(x_0, t)
    noise = fresh_noise(x_0) if noise is None else noise
    return diffusion.q_sample(TABLES, x_0, t, noise).to(x_0.dtype)


def _check_times(x: Tensor, t: Tensor) -> None:
    if not isinstance(t, Tensor) or t.is_floating_point() or t.shape != x.shape[:1]:
        raise TypeError(f"a time index for each image is needed: t of shape ({len(x)},), of whole numbers")
    if bool(((t < 0) | (t >= T)).any()):
        raise TypeError(f"time indices run from 0 to {T - 1}")


SCHEDULE: StandIns = {"hw5.linear_beta_schedule": Callback(linear_beta_schedule)}

STAND_INS: dict[str, StandIns] = {
    "q11.diffusion.q_sample": SCHEDULE,
    "q11.diffusion.p_losses": {**SCHEDULE, "hw5.q_sample": Callback(q_sample)},
    "q11.diffusion.p_sample": SCHEDULE,
    "q11.diffusion.p_sample_loop": SCHEDULE,
    "q11.diffusion.training": {**SCHEDULE, "hw5.q_sample": Callback(q_sample)},
}
