"""Assertions about noise: independent standard normal values, and nothing shared that should not be.

Give *whitened* values: the submission's samples less their known mean, divided by their known standard deviation.
Every test below has an exact null or a proven bound; alpha is split evenly over the tests and, inside a test, over rows
or coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch

from autograder.checks.assertions.thresholds import falls_below
from autograder.checks.authoring.describing import describe_number, describe_shape
from autograder.checks.authoring.failure import CheckFailed
from autograder.checks.statistics import p_values
from autograder.checks.statistics.recording import PValue, record_p_values
from autograder.checks.statistics.sample_sizes import (
    ALPHA,
    sample_size_for_correlation,
    sample_size_for_mean,
    sample_size_for_std,
    validate,
)

# Slices that differ by less than this are called the same noise; only the words depend on it. Float32 rounding of
# whitened values is about 1e-5 where the due standard deviation is a hundredth of the values.
_SHARED = 1e-3


class Unit(Enum):
    """The smallest part of a batch in which the stated effect must be seen."""

    BATCH = "batch"  # all entries have it
    ROW = "row"  # one row, such as one time index, may have it alone
    COORDINATE = "coordinate"  # one entry of each row, such as one latent dimension, may have it alone


@dataclass(frozen=True)
class _Test:
    name: str
    p_value: float  # over all its rows or coordinates
    finding: Callable[[], str]
    exact: bool  # whether the p-value is uniform for a correct sampler, and not only a bound
    is_local: Callable[[float], bool] = lambda alpha: False  # whether few groups fail, and the rest is sound


def assert_standard_normal(
    z: torch.Tensor,
    *,
    name: str = "the noise",
    alpha: float = ALPHA,
    mean_effect: float = 0.25,
    std_effect: float = 1.25,
    unit: Unit = Unit.BATCH,
) -> None:
    """Raise `CheckFailed` unless z (batch, ...) can be independent N(0, 1) entries; false alarms: at most ``alpha``.

    Sees with probability 1 - 1e-6 a mean off by ``mean_effect`` standard deviations, and a standard deviation off by
    the factor ``std_effect`` (or its inverse), in one whole ``unit``; raises `ValueError` where z is too small for
    that. Also checks the distribution's shape, and independence along every dimension, so that noise shared over rows,
    pixels or channels is caught. Values that are not finite fail.
    """
    validate(alpha)
    values = _validated(z, name)
    tests = _tests(values)
    _assert_large_enough(values, alpha / len(tests), mean_effect, std_effect, unit)
    level = alpha / len(tests)
    record_p_values("standard normal", {test.name: PValue(test.p_value, test.exact) for test in tests}, level)
    failed = [test for test in tests if falls_below(test.p_value, level)]
    if failed:
        telling = next((test for test in failed if test.is_local(level)), failed[0])
        _fail(values, telling, name, len(tests) * min(test.p_value for test in failed))


def assert_independent(
    z1: torch.Tensor, z2: torch.Tensor, *, name: str = "the noise of two calls", alpha: float = ALPHA
) -> None:
    """Raise `CheckFailed` where two draws of one shape, each whitened, are dependent: the noise of two calls, say.

    The inner product of one with the other, divided by the norm of the other, is exactly N(0, 1). Noise that is drawn
    once and used twice is seen with probability 1 - 1e-6; raises `ValueError` where there are too few values for that.
    """
    validate(alpha)
    first, second = _validated(z1, name), _validated(z2, name)
    if first.shape != second.shape:
        raise ValueError(f"both draws must have one shape, not {tuple(first.shape)} and {tuple(second.shape)}")
    if first.numel() < (needed := sample_size_for_correlation(1.0, alpha)):
        raise ValueError(f"two draws of {first.numel()} values are too few to see that they are equal: give {needed}")
    p_value = p_values.p_value_of_independence(first, second)
    record_p_values("independent", {"inner product": PValue(p_value, exact=True)}, alpha)
    if not falls_below(p_value, alpha):
        return
    correlation = float((first * second).sum() / (first.norm() * second.norm()))
    equal = bool((first - second).abs().max() <= _SHARED)
    raise CheckFailed(
        f"{name} is the same: it must be drawn afresh each time"
        if equal
        else f"{name} is not independent: the correlation is {correlation:.3g} where 0 is due",
        expected="independent draws",
        got="equal draws" if equal else f"correlation {correlation:.3g} over {first.numel()} values",
        worst=_odds(p_value),
    )


def standard_normal_p_values(z: torch.Tensor) -> dict[str, float]:
    """Return the p-value of each test of `assert_standard_normal` by name; each is at most p with probability <= p."""
    return {test.name: test.p_value for test in _tests(_validated(z, "the noise"))}


def _validated(z: torch.Tensor, name: str) -> torch.Tensor:
    if not isinstance(z, torch.Tensor):
        raise TypeError(f"whitened values must be a tensor, not {type(z).__name__}")
    if z.ndim == 0 or z.numel() < 2:
        raise ValueError(f"whitened values of shape (batch, ...) are needed, not {tuple(z.shape)}")
    values = z.detach().double()
    if not bool(torch.isfinite(values).all()):
        raise CheckFailed(f"{name} is not finite everywhere", expected="finite numbers", got="NaN or infinity")
    return values


def _tests(values: torch.Tensor) -> list[_Test]:
    """All tests that this shape allows, the most telling first."""
    rows = values.reshape(values.shape[0], -1)
    tests = _moments("all", rows.reshape(1, -1), "")
    for axis in range(values.ndim):
        if values.shape[axis] > 1:
            tests += _independence(values, axis)
    if rows.shape[0] > 1 and rows.shape[1] > 1:
        tests += _moments("coordinate", rows.T, "at one coordinate of each row")
        tests += _moments("row", rows, "in one row")
    shape_p = p_values.p_value_of_normal_shape(values)
    words = "does not have the shape of a normal distribution, though mean and standard deviation may be right"
    return [*tests, _Test("shape", shape_p, lambda: words, exact=False)]


def _moments(name: str, groups: torch.Tensor, where: str) -> list[_Test]:
    """Tests of std and mean of groups (groups, n); only the extreme groups need a p-value."""
    count, n = groups.shape
    squares, means = p_values.centred_squares(groups), groups.mean(1)
    extremes = torch.stack([squares.min(), squares.max()])
    p_std = count * float(p_values.two_sided_chi_square(extremes, n - 1).min())
    p_mean = count * float(p_values.two_sided_normal(means.abs().max() * math.sqrt(n)))

    def test(what: str, p_value: float, each: Callable[[], torch.Tensor]) -> _Test:
        def finding() -> str:
            worst = int(each().argmin())
            return _moment_words(groups[worst], where, worst if count > 1 else None)

        def is_local(alpha: float) -> bool:
            sound = groups[each() * count > alpha]
            return count > 1 and 2 * sound.shape[0] >= count and _is_sound(sound, alpha)

        return _Test(f"{what} {name}", min(1.0, p_value), finding, count == 1, is_local)

    return [
        test("std", p_std, lambda: p_values.two_sided_chi_square(squares, n - 1)),
        test("mean", p_mean, lambda: p_values.two_sided_normal(means * math.sqrt(n))),
    ]


def _is_sound(groups: torch.Tensor, alpha: float) -> bool:
    tests = _moments("all", groups.reshape(1, -1), "")
    for axis in range(2):
        tests += _independence(groups, axis) if groups.shape[axis] > 1 else []
    return all(test.p_value > alpha for test in tests)


def _moment_words(group: torch.Tensor, where: str, index: int | None) -> str:
    n, mean, std = group.numel(), float(group.mean()), float(group.std(correction=0))
    place = f" {where} (number {index}, {n} values)" if index is not None else ""
    if std < _SHARED:
        return f"does not vary{place}: it is {describe_number(mean)} everywhere, so no noise is added"
    parts = []
    if p_values.two_sided_chi_square(torch.tensor([std * std * n], dtype=torch.float64), n - 1).item() < 1e-6:
        parts.append(f"standard deviation {std:.3g} where 1 is due")
    if abs(mean) * math.sqrt(n) > 5 * max(std, 1.0):
        parts.append(f"mean {mean:.3g} where 0 is due")
    return f"has {' and '.join(parts) or f'mean {mean:.3g} and standard deviation {std:.3g}'}{place}"


def _independence(values: torch.Tensor, axis: int) -> list[_Test]:
    """Slices along an axis against each other: neighbours, halves, and all against the first; each exactly N(0, 1)."""
    slices = values.movedim(axis, 0).reshape(values.shape[axis], -1)
    size, half = slices.shape[0], slices.shape[0] // 2
    p_value = p_values.p_value_of_independence

    def finding() -> str:
        return _sharing_words(slices, axis, values.ndim)

    def test(name: str, p_value: float) -> _Test:
        return _Test(f"{name} along {axis}", p_value, finding, exact=True)

    tests = [test("neighbours", p_value(slices[0 : 2 * half : 2], slices[1 : 2 * half : 2]))]
    if size > 3:
        tests.append(test("halves", p_value(slices[:half], slices[half : 2 * half])))
    if size > 2:  # given the first slice, the others' sum is N(0, size - 1) in each entry
        total = slices[1:].sum(0) / math.sqrt(size - 1)
        tests.append(test("first", p_value(total, slices[0])))
    return tests


def _sharing_words(slices: torch.Tensor, axis: int, dimensions: int) -> str:
    if bool((slices - slices[0]).abs().max() <= _SHARED):
        return _shared(axis, dimensions)
    half = slices.shape[0] // 2
    if bool((slices[:half] - slices[half : 2 * half]).abs().max() <= _SHARED):
        return f"repeats itself: the second half of dimension {axis} has the noise of the first"
    if bool((slices[0 : 2 * half : 2] - slices[1 : 2 * half : 2]).abs().max() <= _SHARED):
        return f"repeats itself: neighbours along dimension {axis} have the same noise"
    what = "the rows" if axis == 0 else f"the entries along dimension {axis}"
    return f"is not independent: {what} are correlated with each other"


def _shared(axis: int, dimensions: int) -> str:
    if axis == 0:
        return "is shared: all rows have the same noise, but each needs its own"
    what = "all coordinates of a row" if dimensions == 2 else f"all entries along dimension {axis}"
    return f"is shared: {what} have the same noise, but each needs its own"


def _fail(values: torch.Tensor, telling: _Test, name: str, p_value: float) -> None:
    """Raise; noise that is plainly shared is named first, because everything else follows from it."""
    finding = telling.finding()
    for axis in range(values.ndim):
        slices = values.movedim(axis, 0)
        varies = bool((values - values.flatten()[0]).abs().max() > _SHARED)
        if varies and slices.shape[0] > 1 and bool((slices - slices[:1]).abs().max() <= _SHARED):
            finding = _shared(axis, values.ndim)
            break
    mean, std = float(values.mean()), float(values.std(correction=0))
    raise CheckFailed(
        f"{name} {finding}",
        expected="independent values with mean 0 and standard deviation 1, normally distributed (in units of their due"
        " standard deviation, after their due mean is taken off)",
        got=f"mean {mean:.3g}, standard deviation {std:.3g}, over {values.numel()} values of shape"
        f" {describe_shape(values.shape)}",
        worst=_odds(p_value),
    )


def _odds(p_value: float) -> str:
    bound = "less than 1e-300" if p_value < 1e-300 else f"at most {p_value:.1e}"
    return f"a correct implementation does this with probability {bound}"


def _assert_large_enough(values: torch.Tensor, alpha: float, mean_effect: float, std_effect: float, unit: Unit) -> None:
    rows, columns = values.shape[0], values.numel() // values.shape[0]
    size, groups = {
        Unit.BATCH: (values.numel(), 1),
        Unit.ROW: (columns, rows),
        Unit.COORDINATE: (rows, columns),
    }[unit]
    if std_effect <= 1:
        raise ValueError(f"std_effect is a factor above 1, and its inverse is seen as well, but it is {std_effect!r}")
    needed = max(
        sample_size_for_mean(mean_effect, alpha, tests=groups),
        sample_size_for_std(std_effect, alpha, tests=groups),
        sample_size_for_std(1 / std_effect, alpha, tests=groups),
    )
    if size < needed:
        raise ValueError(
            f"{size} values in each {unit.value} are too few to see a mean off by {mean_effect:g} or a standard"
            f" deviation off by the factor {std_effect:g} with alpha {alpha:.1e}: give {needed}, or state a larger"
            " effect"
        )
