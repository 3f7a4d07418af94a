"""Each coefficient by itself. Those before it, in the order of the template, have stand-ins with the true values.

So one mistake costs one coefficient, whatever was computed from it. To accept what follows from the submission's own
tables would be forgeable: of a table that is 1 everywhere, most of these formulas are the table itself.
"""

from __future__ import annotations

from typing import Any

import torch
from autograder_proofs.oracles.diffusion import Tables, linear_betas

from autograder.checks import CheckFailed, fetch, is_remote, item
from autograder.checks.closeness import assert_close

T = 1000
TRUTH = Tables(linear_betas(1e-4, 0.02, T))
# Float32: a product of index + 1 factors, each rounded once itself, is off by at most 2 (index + 1) 2**-24 of itself;
# assert_close allows 2**-14 (1 + ROUNDINGS) of it. Where 1 - alphas_cumprod cancels, the error is absolute: at most
# 1.7e-5 / 2 in the root and, in `posterior_variance`, 4e-7; allowed are 6e-5 and 1.2e-6.
ROUNDINGS = 2 * torch.arange(1, T + 1, dtype=torch.float64) / 2**10
CANCELLING = ("sqrt_one_minus_alphas_cumprod", "posterior_variance")


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
    """Hold a coefficient against the truth, at all indices."""
    value = fetch(getattr(ddpm_solution, name))
    if is_remote(value):
        raise CheckFailed(f"`{name}` is not a tensor")
    truth = getattr(TRUTH, name)
    assert_close(value, truth, name=f"`{name}`", scale=None if name in CANCELLING else truth.abs() * ROUNDINGS)
