"""Each coefficient by itself: it must be the true one, or what follows from the coefficients that it builds on.

So one mistake costs one coefficient, whatever was computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _oracles.diffusion import Tables, linear_betas
from torch import Tensor

from autograder.checks import CheckFailed, exists, fetch, is_remote, item
from autograder.checks.closeness import assert_close
from autograder.checks.tensor_assertions import assert_tensor

T = 1000
TRUTH = Tables(linear_betas(1e-4, 0.02, T))

FOLLOWS: dict[str, tuple[tuple[str, ...], Callable[..., Tensor]]] = {
    "alphas": (("betas",), lambda betas: Tables(betas).alphas),
    "sqrt_recip_alphas": (("alphas",), lambda alphas: Tables(1 - alphas).sqrt_recip_alphas),
    "alphas_cumprod": (("alphas",), lambda alphas: Tables(1 - alphas).alphas_cumprod),
    "sqrt_alphas_cumprod": (("alphas_cumprod",), torch.sqrt),
    "sqrt_one_minus_alphas_cumprod": (("alphas_cumprod",), lambda level: torch.sqrt(1 - level)),
    "alphas_cumprod_prev": (("alphas_cumprod",), lambda level: torch.cat([torch.ones_like(level[:1]), level[:-1]])),
    "posterior_variance": (
        ("betas", "alphas_cumprod_prev", "alphas_cumprod"),
        lambda betas, before, level: betas * (1 - before) / (1 - level),
    ),
}


@item("ddpm.coefficients")
def test_betas(ddpm_solution: Any) -> None:
    """`betas` rises by equal steps from 0.0001 at index 0 to 0.02 at index 999."""
    judge(ddpm_solution, "betas")


@item("ddpm.coefficients")
def test_alphas(ddpm_solution: Any) -> None:
    """`alphas` belongs to single steps: what a step with your `betas` keeps of the signal's variance."""
    judge(ddpm_solution, "alphas")


@item("ddpm.coefficients")
def test_sqrt_recip_alphas(ddpm_solution: Any) -> None:
    """`sqrt_recip_alphas` is made of the alphas of single steps, not of their product."""
    judge(ddpm_solution, "sqrt_recip_alphas")


@item("ddpm.coefficients")
def test_alphas_cumprod(ddpm_solution: Any) -> None:
    """`alphas_cumprod` takes in all steps up to and with its index."""
    judge(ddpm_solution, "alphas_cumprod")


@item("ddpm.coefficients")
def test_sqrt_alphas_cumprod(ddpm_solution: Any) -> None:
    """`sqrt_alphas_cumprod` is the factor of the clean image, given your `alphas_cumprod`."""
    judge(ddpm_solution, "sqrt_alphas_cumprod")


@item("ddpm.coefficients")
def test_sqrt_one_minus_alphas_cumprod(ddpm_solution: Any) -> None:
    """`sqrt_one_minus_alphas_cumprod` is the standard deviation of the noise, given your `alphas_cumprod`."""
    judge(ddpm_solution, "sqrt_one_minus_alphas_cumprod")


@item("ddpm.coefficients")
def test_alphas_cumprod_prev(ddpm_solution: Any) -> None:
    """`alphas_cumprod_prev` holds what `alphas_cumprod` holds one step before; no step comes before index 0."""
    judge(ddpm_solution, "alphas_cumprod_prev")


@item("ddpm.coefficients")
def test_posterior_variance(ddpm_solution: Any) -> None:
    """`posterior_variance` is the variance of the step before, given this step and the clean image."""
    judge(ddpm_solution, "posterior_variance")


def judge(ddpm_solution: Any, name: str) -> None:
    """Hold a coefficient against the truth and against what follows from the submission's others."""
    value = fetch(getattr(ddpm_solution, name))
    if is_remote(value):
        raise CheckFailed(f"`{name}` is not a tensor")
    due = [getattr(TRUTH, name)]
    if (following := _following(ddpm_solution, name)) is not None:
        due.append(following)
    complaints = [complaint for truth in due if (complaint := _complaint(value, truth, name)) is not None]
    if len(complaints) == len(due):
        raise complaints[0]


def _complaint(value: Any, truth: Tensor, name: str) -> CheckFailed | None:
    # Float32: a product of index + 1 factors is off by at most 2 (index + 1) 2**-24 of itself. That is at most 1.7e-5,
    # and 6e-6 in its square roots; assert_close allows 6e-5 for each. In `posterior_variance` the relative error is at
    # most 1.3e-3 (index 1) and the absolute one 4e-7; allowed are 1.2e-6.
    try:
        assert_close(value, truth, name=f"`{name}`")
    except CheckFailed as complaint:
        return complaint
    return None


def _following(ddpm_solution: Any, name: str) -> Tensor | None:
    """Return what follows from the submission's coefficients, None where they can be no coefficients."""
    needed, follow = FOLLOWS.get(name, ((), None))
    if follow is None or not all(exists(getattr(ddpm_solution, other)) for other in needed):
        return None
    own = [_plausible(fetch(getattr(ddpm_solution, other))) for other in needed]
    if any(table is None for table in own):
        return None
    try:
        following = follow(*own)
    except ValueError:  # no betas
        return None
    return following if bool(torch.isfinite(following).all()) else None


def _plausible(value: Any) -> Tensor | None:
    """Return a table as float64; None for what nothing can follow from, such as zeros everywhere."""
    try:
        table = assert_tensor(value, shape=(T,)).detach().double()
    except CheckFailed:
        return None
    return table if bool(table.min() < table.max()) else None
