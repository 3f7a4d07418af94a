"""Assertions about averages: of designed Monte-Carlo samples, of normal samples, of bounded samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from autograder.checks.assertions.closeness import RELATIVE_TOLERANCE, assert_close
from autograder.checks.assertions.tensor_assertions import assert_tensor
from autograder.checks.assertions.thresholds import exceeds, falls_below
from autograder.checks.authoring.describing import describe, describe_number
from autograder.checks.authoring.failure import CheckFailed
from autograder.checks.statistics import p_values
from autograder.checks.statistics.recording import PValue, record_p_values
from autograder.checks.statistics.sample_sizes import ALPHA, sample_size_for_mean, validate


def assert_equals_monte_carlo_mean(
    got: object,
    samples: torch.Tensor | Callable[[], torch.Tensor],
    *,
    name: str = "the result",
) -> None:
    """Raise `CheckFailed` unless ``got`` (batch,) is the mean over the first dimension of ``samples`` (n, batch).

    For samples of *standardised* noise only: noise e (n, dim) with mean exactly 0 and mean square exactly 1 for each
    coordinate. A sum over coordinates of a + b e + c e^2, such as a log density ratio of diagonal Gaussians at
    z = mean + std e, then has the mean sum of a + c, which is its expectation: the Monte-Carlo error is zero, not
    small. So the comparison is that of `assert_close`, with the samples' mean magnitude as scale.
    """
    values = samples() if callable(samples) and not isinstance(samples, torch.Tensor) else samples
    if not isinstance(values, torch.Tensor) or values.ndim < 1 or values.shape[0] < 2:
        raise ValueError("samples must be a tensor of shape (n, batch) with n of at least 2")
    wide = values.detach().double()
    assert_close(got, wide.mean(0), name=name, scale=wide.abs().mean(0))


def assert_mean(
    samples: object,
    mean: torch.Tensor | float,
    std: torch.Tensor | float,
    *,
    name: str = "the result",
    effect: float = 0.25,
    alpha: float = ALPHA,
) -> None:
    """Raise `CheckFailed` unless independent normal samples (n, ...) of known ``std`` have this mean, entry by entry.

    ``mean`` and ``std`` broadcast over the entries. Exact z-tests, alpha split over the entries; sees the mean of an
    entry that is off by ``effect`` standard deviations with probability 1 - 1e-6, and raises `ValueError` where n is
    too small for that. (The mean of samples that are not normal has no such exact test: see `assert_bounded_mean`.)
    """
    validate(alpha)
    drawn = assert_tensor(samples, name=name).detach().double()
    truth, spread = torch.as_tensor(mean, dtype=torch.float64), torch.as_tensor(std, dtype=torch.float64)
    if not bool((spread > 0).all()):
        raise ValueError("std must be positive")
    if drawn.ndim == 0:
        raise ValueError("samples of shape (n, ...) are needed")
    n, entries = drawn.shape[0], max(1, drawn[0].numel())
    if n < (needed := sample_size_for_mean(effect, alpha, tests=entries)):
        raise ValueError(f"{n} samples are too few to see a mean off by {effect:g} standard deviations: give {needed}")
    statistics = (drawn.mean(0) - truth) / spread * math.sqrt(n)
    p_value = p_values.two_sided_normal(statistics) * entries
    record_p_values("mean", {"mean": PValue(min(1.0, float(p_value.min())), exact=entries == 1)}, alpha)
    if not falls_below(p_value, alpha):
        return
    index = int(p_value.argmin())
    found, wanted = drawn.mean(0).flatten()[index], truth.expand_as(statistics).flatten()[index]
    raise CheckFailed(
        f"the mean of {name} is {describe_number(found.item())} where {describe_number(wanted.item())} is due",
        expected=f"mean {describe(truth)}",
        got=f"mean {describe(drawn.mean(0))} over {n} samples",
        worst=f"a correct implementation does this with probability at most {p_value.flatten()[index].item():.1e}",
    )


def assert_bounded_mean(
    samples: object,
    mean: torch.Tensor | float,
    *,
    low: float,
    high: float,
    name: str = "the result",
    effect: float,
    alpha: float = ALPHA,
) -> None:
    """Raise `CheckFailed` unless independent samples (n, ...) in [low, high], of any distribution, have this mean.

    P(|average - mean| >= e) <= 2 exp(-2 n e^2 / (high - low)^2) for every n (Hoeffding 1963, theorem 2), alpha split
    over the entries. Sees a mean off by ``effect`` (in the samples' own units) with probability 1 - 1e-6; raises
    `ValueError` where n is too small. A sample outside the bounds fails.
    """
    validate(alpha)
    if not (low < high and effect > 0):
        raise ValueError("low < high and a positive effect are needed")
    drawn = assert_tensor(samples, name=name).detach().double()
    if drawn.ndim == 0:
        raise ValueError("samples of shape (n, ...) are needed")
    n, entries = drawn.shape[0], max(1, drawn[0].numel())
    width = (high - low) / math.sqrt(2 * n)
    allowed, shortfall = width * math.sqrt(math.log(2 * entries / alpha)), width * math.sqrt(math.log(2 / 1e-6))
    if allowed + shortfall > effect:
        needed = math.ceil(n * ((allowed + shortfall) / effect) ** 2)
        raise ValueError(f"{n} samples are too few to see a mean off by {effect:g}: give {needed}")
    slack = RELATIVE_TOLERANCE * (high - low)
    if falls_below(drawn, low - slack) or exceeds(drawn, high + slack):
        raise CheckFailed(f"{name} leaves [{low:g}, {high:g}]", got=describe(drawn))
    truth = torch.as_tensor(mean, dtype=torch.float64)
    off = (drawn.mean(0) - truth).abs()
    p_value = min(1.0, 2 * entries * math.exp(-((float(off.max()) / width) ** 2)))
    record_p_values("bounded mean", {"mean": PValue(p_value)}, alpha)
    if exceeds(off, allowed):
        raise CheckFailed(
            f"the mean of {name} is off by {describe_number(off.max().item())}, where chance explains"
            f" {describe_number(allowed)}",
            expected=f"mean {describe(truth)}",
            got=f"mean {describe(drawn.mean(0))} over {n} samples",
        )
