"""How many samples a statistical assertion needs, so that it sees the effect that it promises to see.

Each function returns the smallest n at which a test with false-alarm probability ``alpha``, split evenly over ``tests``
(Bonferroni), rejects with probability at least ``power`` when the effect is there. All are exact or conservative.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special  # type: ignore[import-untyped]

ALPHA = 1e-9  # of a whole assertion: 1,000 students and 100 assertions make one false alarm in 10,000 runs
POWER = 1.0 - 1e-6
_MAX_SIZE = 2**40  # no search goes farther: an effect that needs more is out of reach


def sample_size_for_mean(effect: float, alpha: float = ALPHA, power: float = POWER, *, tests: int = 1) -> int:
    """Values of known standard deviation 1 whose mean is off by ``effect``: two-sided z-test.

    n = ((q(alpha / 2) + q(1 - power)) / effect)^2 with q the upper normal quantile.
    """
    validate(alpha, power, tests)
    if not (effect > 0 and math.isfinite(effect)):
        raise ValueError(f"the effect must be a positive number of standard deviations, not {effect!r}")
    return math.ceil(((normal_quantile(alpha / tests / 2) + normal_quantile(1 - power)) / effect) ** 2)


def sample_size_for_std(ratio: float, alpha: float = ALPHA, power: float = POWER, *, tests: int = 1) -> int:
    """Normal values whose standard deviation is ``ratio`` times the due one: two-sided chi-square test."""
    validate(alpha, power, tests)
    if not (ratio > 0 and math.isfinite(ratio) and ratio != 1):
        raise ValueError(f"the ratio of standard deviations must be positive and not 1, but is {ratio!r}")
    tail, miss, variance = alpha / tests / 2, 1 - power, ratio * ratio

    def detects(n: int) -> bool:
        half = (n - 1) / 2
        if variance > 1:  # the lower end of the wrong sums of squares is above the upper limit
            return bool(variance * special.gammaincinv(half, miss) >= special.gammainccinv(half, tail))
        return bool(variance * special.gammainccinv(half, miss) <= special.gammaincinv(half, tail))

    return smallest(detects, start=2)


def sample_size_for_correlation(rho: float, alpha: float = ALPHA, power: float = POWER, *, tests: int = 1) -> int:
    """Pairs of normal values with correlation ``rho`` (1 where the noise is shared): inner product over the norm.

    The statistic is rho |b| + sqrt(1 - rho^2) N(0, 1); half of the missing power goes to a small |b|, half to the rest.
    """
    validate(alpha, power, tests)
    if not 0 < abs(rho) <= 1:
        raise ValueError(f"the correlation must lie in [-1, 1] and not be 0, but is {rho!r}")
    limit = normal_quantile(alpha / tests / 2) + math.sqrt(1 - rho * rho) * normal_quantile((1 - power) / 2)
    shortfall = (1 - power) / 2
    return smallest(lambda n: abs(rho) * math.sqrt(2 * special.gammaincinv(n / 2, shortfall)) >= limit)


def sample_size_for_distribution(distance: float, alpha: float = ALPHA, power: float = POWER, *, tests: int = 1) -> int:
    """Values whose distribution function is off by ``distance`` somewhere: Massart's bound used twice."""
    validate(alpha, power, tests)
    if not 0 < distance <= 1:
        raise ValueError(f"the distance of distribution functions must lie in (0, 1], but is {distance!r}")
    widths = math.sqrt(math.log(2 * tests / alpha) / 2) + math.sqrt(math.log(2 / (1 - power)) / 2)
    return math.ceil((widths / distance) ** 2)


def sample_size_for_reach(values: int, alpha: float = ALPHA, *, tests: int = 2) -> int:
    """Uniform draws from ``values`` whole numbers after which one that never came is no accident: exact binomial test.

    2 (1 - 1 / values)^n <= alpha / tests; the 2 because counts that are too high are checked as well.
    """
    validate(alpha, POWER, tests)
    if values < 2:
        raise ValueError(f"at least 2 values are needed, not {values!r}")
    return math.ceil(math.log(alpha / tests / 2) / math.log1p(-1 / values))


def sample_size_for_probability(
    expected: float, actual: float, alpha: float = ALPHA, power: float = POWER, *, tests: int = 1
) -> int:
    """Trials in which an event of probability ``expected`` happens with probability ``actual``: exact binomial test.

    Chernoff's bound on both sides (conservative by about a tenth), because exact power goes up and down with n.
    """
    validate(alpha, power, tests)
    if not (0 < expected < 1 and 0 <= actual <= 1 and expected != actual):
        raise ValueError(f"two different probabilities are needed, not {expected!r} and {actual!r}")
    tail, miss = math.log(2 * tests / alpha), -math.log(1 - power)
    low, high = min(expected, actual), max(expected, actual)
    for _ in range(200):  # the share x at which both needs are the same: one grows with x, the other falls
        share = (low + high) / 2
        rejects, reached = tail / _divergence(share, expected), miss / _divergence(share, actual)
        too_close_to_due = rejects > reached
        low, high = (low, share) if too_close_to_due is (actual < expected) else (share, high)
    return math.ceil(max(rejects, reached))


def _divergence(share: float, probability: float) -> float:
    """The exponent of Chernoff's bound: n trials reach this share with probability at most exp(-n times it)."""
    if share == probability:
        return 1e-300
    if probability in (0.0, 1.0):
        return math.inf
    rest, other = 1 - share, 1 - probability
    return (share * math.log(share / probability) if share else 0.0) + (rest * math.log(rest / other) if rest else 0.0)


def normal_quantile(tail: float) -> float:
    """The x with P(N(0, 1) > x) = tail, accurate for tiny tails."""
    return float(-special.ndtri(tail))


def smallest(holds: Callable[[int], bool], start: int = 1) -> int:
    """The smallest n >= start at which ``holds``, which must stay true once it is; `ValueError` beyond 2**40."""
    if holds(start):
        return start
    low, high = start, max(2 * start, start + 1)
    while not holds(high):
        low, high = high, 2 * high
        if high > _MAX_SIZE:
            raise ValueError("this effect cannot be seen with any reasonable number of samples")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def validate(alpha: float, power: float = POWER, tests: int = 1) -> None:
    """Raise `ValueError` unless alpha and power are probabilities strictly between 0 and 1, power the larger."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie strictly between 0 and 1, but is {alpha!r}")
    if not alpha < power < 1:
        raise ValueError(f"power must lie strictly between alpha and 1, but is {power!r}")
    if tests < 1:
        raise ValueError(f"at least 1 test is needed, not {tests!r}")
