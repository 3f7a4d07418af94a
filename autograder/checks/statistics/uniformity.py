"""Assertions about random whole numbers, such as the time indices that a diffusion model trains on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from autograder.checks.assertions.tensor_assertions import assert_integers
from autograder.checks.assertions.thresholds import falls_below
from autograder.checks.authoring.describing import describe
from autograder.checks.authoring.failure import CheckFailed
from autograder.checks.statistics import p_values
from autograder.checks.statistics.recording import PValue, record_p_values
from autograder.checks.statistics.sample_sizes import (
    ALPHA,
    sample_size_for_distribution,
    sample_size_for_reach,
    validate,
)


def assert_uniform_integers(
    samples: object,
    low: int,
    high: int,
    *,
    name: str = "the result",
    alpha: float = ALPHA,
    distance: float = 0.05,
) -> None:
    """Raise `CheckFailed` unless the samples can be independent and uniform on low..high, both included.

    The range is checked exactly; then the counts of both ends (exact binomial tails), the distribution function (bound
    of Massart) and, along each dimension of ``samples``, how often neighbours agree (exact binomial: a whole batch with
    one time index is caught). False alarms: at most ``alpha``. Sees an end that never comes for certain, and a
    distribution function that is off by ``distance`` anywhere with probability 1 - 1e-6; raises `ValueError` where
    there are too few samples for that.
    """
    validate(alpha)
    if not (isinstance(low, int) and isinstance(high, int) and low < high):
        raise ValueError(f"low and high must be whole numbers with low < high, not {low!r} and {high!r}")
    drawn = assert_integers(samples, name=name)
    tests = 3 + drawn.ndim
    _assert_enough(drawn.numel(), high - low + 1, alpha, distance, tests)
    _assert_range(drawn, low, high, name)
    found = _findings(drawn.long(), low, high)
    record_p_values("uniform integers", {test.name: PValue(test.p_value) for test in found}, alpha / tests)
    for test in found:
        if falls_below(test.p_value, alpha / tests):
            raise CheckFailed(
                f"{name} {test.words}",
                expected=f"whole numbers, uniform on {low}..{high}, independent of each other",
                got=describe(drawn),
                worst=f"a correct implementation does this with probability at most {test.p_value * tests:.1e}",
            )


def uniform_integers_p_values(samples: torch.Tensor, low: int, high: int) -> dict[str, float]:
    """Return the p-value of each test of `assert_uniform_integers` by name; each is at most p w.p. <= p."""
    return {test.name: test.p_value for test in _findings(samples.long(), low, high)}


@dataclass(frozen=True)
class _Test:
    name: str
    p_value: float
    words: str


def _findings(drawn: torch.Tensor, low: int, high: int) -> list[_Test]:
    count, n = high - low + 1, drawn.numel()
    found, repeats = [], []
    for axis in range(drawn.ndim):
        equal, pairs = _equal_neighbours(drawn, axis)
        words = f"repeats itself along dimension {axis}: draw each one afresh"
        p_value = p_values.binomial_above(equal, pairs, 1 / count)
        repeats.append((equal / max(pairs, 1), _Test(f"neighbours along {axis}", p_value, words)))
    for value, end in ((low, "smallest"), (high, "largest")):
        seen = int((drawn == value).sum())
        words = f"gives the {end} value {value} {seen} times in {n}, where about {n / count:.0f} are due"
        found.append(_Test(end, p_values.p_value_of_count(seen, n, 1 / count), words))
    words = "is not uniform: some values come too often, others too rarely"
    found.append(_Test("shape", p_values.p_value_of_uniform_integers(drawn, low, high), words))
    # Copies upset every other test, while a skewed distribution makes neighbours agree a little more often.
    copies = [entry for share, entry in sorted(repeats, key=lambda pair: -pair[0]) if share > 0.5]
    return copies + found + [entry for share, entry in repeats if share <= 0.5]


def _equal_neighbours(drawn: torch.Tensor, axis: int) -> tuple[int, int]:
    """How many of the disjoint pairs of neighbours along an axis are equal, and how many pairs there are."""
    half = drawn.shape[axis] // 2
    moved = drawn.movedim(axis, 0)
    equal = moved[0 : 2 * half : 2] == moved[1 : 2 * half : 2]
    return int(equal.sum()), equal.numel()


def _assert_range(drawn: torch.Tensor, low: int, high: int, name: str) -> None:
    smallest, largest = int(drawn.min()), int(drawn.max())
    if low <= smallest and largest <= high:
        return
    wrong = largest if largest > high else smallest
    raise CheckFailed(
        f"{name} contains {wrong}, outside {low}..{high}",
        expected=f"whole numbers from {low} to {high}, both included",
        got=f"whole numbers from {smallest} to {largest}",
    )


def _assert_enough(n: int, values: int, alpha: float, distance: float, tests: int) -> None:
    reach = sample_size_for_reach(values, alpha, tests=tests)
    shape = sample_size_for_distribution(distance, alpha, tests=tests)
    if n < max(reach, shape):
        raise ValueError(
            f"{n} samples are too few to see that one of {values} values never comes ({reach} are needed) or that the"
            f" distribution is off by {distance:g} ({shape} are needed)"
        )
