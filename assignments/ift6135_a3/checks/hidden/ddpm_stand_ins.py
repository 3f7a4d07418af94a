"""Trusted stand-ins for the blanks that an item of the DDPM is not about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from autograder_proofs.oracles import diffusion
from torch import Tensor

from autograder.checks import Callback, Constant, StandIns

TABLES = diffusion.Tables(diffusion.linear_betas(1e-4, 0.02, 1000))
NAMES = (
    "betas",
    "alphas",
    "sqrt_recip_alphas",
    "alphas_cumprod",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "alphas_cumprod_prev",
    "posterior_variance",
)


def fresh_noise(like: Tensor) -> Tensor:
    """Standard normal noise in float64, independent of the worker's, whose generator starts every example as ours."""
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    return torch.randn(like.shape, generator=generator, dtype=torch.float64)


def in_precision_of(x: Tensor, value: Tensor) -> Tensor:
    """Give back what a student's own code would: the precision of the images."""
    return value.to(x.dtype)


def q_sample(x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    """Stand for the student's q_sample, with noise that is given or fresh."""
    noise = fresh_noise(x_start) if noise is None else noise
    return in_precision_of(x_start, diffusion.q_sample(TABLES, x_start, t, noise))


def _before(name: str) -> StandIns:
    """All coefficients before one, in the order of the template: what it may be computed from."""
    return {f"ddpm_solution.{other}": Constant(getattr(TABLES, other).float()) for other in NAMES[: NAMES.index(name)]}


def _constants(*extra: Callable[..., Any]) -> StandIns:
    tables = {f"ddpm_solution.{name}": Constant(getattr(TABLES, name).float()) for name in NAMES}
    return {**tables, **{f"ddpm_solution.{function.__name__}": Callback(function) for function in extra}}


STAND_INS: dict[str, StandIns] = {
    # One mistake costs one coefficient, whatever was computed from it. To accept what follows from the submission's own
    # tables would be forgeable: of a table that is 1 everywhere, most of these formulas are the table itself.
    **{f"ddpm.coefficients::test_coefficients[{name}]": _before(name) for name in NAMES[1:]},
    "ddpm.q_sample": _constants(),
    "ddpm.p_sample": _constants(),
    "ddpm.p_sample_loop": _constants(),
    "ddpm.p_losses": _constants(q_sample),
}
