"""Trusted stand-ins for the blanks of Problem 2 that an item is not about."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autograder.checks import Callback, Constant, StandIns

T = 100
ALPHA = 0.97


def noise_points(x0: Tensor, t: Any) -> tuple[Tensor, Tensor]:
    """Points with fresh noise at steps that come as a number, as ``(n,)`` or as ``(n, 1)``."""
    if not isinstance(x0, Tensor) or x0.ndim != 2:
        raise TypeError("noise_points takes points: a tensor (n, 2)")
    steps = torch.as_tensor(t).double().reshape(-1, 1)
    if len(steps) not in (1, len(x0)) or not 0 <= float(steps.min()) <= float(steps.max()) <= T:
        raise TypeError(f"noise_points takes one step from 0 to {T} for each point")
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # apart from the worker's own
    z = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
    share = ALPHA**steps
    return (share.sqrt() * x0 + (1 - share).sqrt() * z).to(x0.dtype), z.to(x0.dtype)


SCHEDULE: StandIns = {"ps3.T": Constant(T), "ps3.alpha": Constant(ALPHA)}

STAND_INS: dict[str, StandIns] = {
    "p2c.training": {**SCHEDULE, "ps3.noise_points": Callback(noise_points)},
    "p2d.sampling": {**SCHEDULE, "ps3.noise_points": Callback(noise_points)},
}
