"""Trusted stand-ins for the blanks of `diffusion.py` that an item is not about.

Each leaves a trace in what it returns, so that a check sees from the result alone what it was given.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from autograder_proofs.oracles import diffusion
from torch import Tensor

from autograder.checks import Callback, StandIns

FIELDS = ("known_timesteps",)
MAX_TIMESTEPS = 100_000
"""The submission picks the number, and the tables are made on the trusted side; the paper has 1,000."""


@lru_cache(maxsize=8)
def tables(timesteps: int, s: float = 0.008) -> diffusion.Tables:
    """All coefficients of the clipped cosine schedule."""
    check_timesteps(timesteps)
    return diffusion.Tables(1 - diffusion.cosine_alphas(timesteps, s))


def cosine_schedule(timesteps: int, s: float = 0.008) -> Tensor:
    """The alphas, float32 (timesteps,)."""
    check_timesteps(timesteps)
    return diffusion.cosine_alphas(int(timesteps), s).float()


def q_sample(timesteps: int, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Images with noise."""
    check_times(x_0, t)
    return diffusion.q_sample(tables(timesteps), x_0, t, noise).to(x_0.dtype)


def p_losses(timesteps: int, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Not a loss but what a loss would be computed from: for each image its time index, and the means of both tensors.

    Shape (b, 3), so that a check can tell it from a loss.
    """
    check_times(x_0, t)
    if noise.shape != x_0.shape:
        raise TypeError("p_losses needs noise of the shape of the images")
    return torch.stack([t.to(x_0.dtype), x_0.flatten(1).mean(1), noise.flatten(1).mean(1)], dim=1)


def p_sample_loop(img: Tensor) -> Tensor:
    """The noise that it started from, moved, so that a result that never came here is told from one that did."""
    return img + 7.0


def check_timesteps(timesteps: int) -> None:
    """Refuse a number of steps that nobody needs."""
    if not timesteps <= MAX_TIMESTEPS:
        raise TypeError(f"at most {MAX_TIMESTEPS} timesteps are possible")


def check_times(x: Tensor, t: Tensor) -> None:
    """Refuse anything but one int64 time index for each image; its type and its shape are two mistakes."""
    if not isinstance(t, Tensor) or t.dtype != torch.int64:
        raise TypeError("time indices are needed: t is a tensor of int64")
    if t.shape != x.shape[:1]:
        raise ValueError(f"one time index for each image is needed: t has the shape ({len(x)},)")


SCHEDULE: StandIns = {"diffusion.cosine_schedule": Callback(cosine_schedule)}


def _schedule_and(name: str, callback: Callback) -> StandIns:
    return {**SCHEDULE, f"diffusion.Diffusion.{name}": callback}


STAND_INS: dict[str, StandIns] = {
    "diffusion.q_sample": SCHEDULE,
    "diffusion.p_losses": _schedule_and("q_sample", Callback(q_sample, fields=FIELDS)),
    "diffusion.forward": _schedule_and("p_losses", Callback(p_losses, fields=FIELDS)),
    "diffusion.p_sample": SCHEDULE,
    "diffusion.p_sample_loop": SCHEDULE,
    "diffusion.sample": _schedule_and("p_sample_loop", Callback(p_sample_loop, fields=())),
    "diffusion.forward_figure": SCHEDULE,
    "diffusion.backward_figure": SCHEDULE,
    "diffusion.training": SCHEDULE,
}
