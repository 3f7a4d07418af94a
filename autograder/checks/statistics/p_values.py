"""P-values with a proven null, as numbers, so that their calibration can be tested and plotted.

Values are float64. "Exact" means uniform on (0, 1) for a correct sampler; "bound" means that a correct sampler falls
below p with probability at most p. Several tests of one sample are combined by Bonferroni: k times the smallest.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import special  # type: ignore[import-untyped]


def p_values_of_means(z: torch.Tensor) -> torch.Tensor:
    """Exact, two-sided: z (groups, n) of independent N(0, 1) -> (groups,). sqrt(n) times a mean is N(0, 1)."""
    groups = _as_groups(z)
    return two_sided_normal(groups.sum(1) / math.sqrt(groups.shape[1]))


def p_values_of_variances(z: torch.Tensor) -> torch.Tensor:
    """Exact, two-sided: z (groups, n) of independent N(0, 1), n > 1 -> (groups,).

    The sum of squares about the group's own mean is chi-square with n - 1 degrees of freedom and independent of the
    mean (Cochran 1934), so that a shifted mean does not pass for a wrong variance.
    """
    groups = _as_groups(z)
    if groups.shape[1] < 2:
        raise ValueError("the variance of a single value has no distribution: give at least 2 in each group")
    return two_sided_chi_square(centred_squares(groups), groups.shape[1] - 1)


def p_value_of_independence(a: torch.Tensor, b: torch.Tensor) -> float:
    """Exact, two-sided: a and b of one shape, independent N(0, 1) throughout.

    Given b, the inner product of a with b is N(0, |b|^2): divided by |b| it is N(0, 1) whatever b is.
    """
    left, right = a.detach().double().flatten(), b.detach().double().flatten()
    norm = float(torch.linalg.vector_norm(right))
    return float(two_sided_normal(torch.dot(left, right) / norm)) if norm > 0 else 1.0


def p_value_of_normal_shape(z: torch.Tensor) -> float:
    """Bound: all entries independent N(0, 1). The largest gap between empirical and normal distribution function.

    P(gap > e) <= 2 exp(-2 n e^2) for every n (Massart 1990, the tight constant of Dvoretzky-Kiefer-Wolfowitz).
    """
    values = np.sort(z.detach().double().flatten().numpy())
    return massart(_largest_gap(special.ndtr(values)), values.size)


def p_value_of_uniform_integers(samples: torch.Tensor, low: int, high: int) -> float:
    """Bound: independent whole numbers, uniform on low..high, both included.

    Massart's inequality holds for distribution functions with steps as well.
    """
    counts = torch.bincount(samples.flatten() - low, minlength=high - low + 1).double()
    steps = torch.arange(1, counts.numel() + 1, dtype=torch.float64) / counts.numel()
    gap = (counts.cumsum(0) / counts.sum() - steps).abs().max()
    return massart(float(gap), samples.numel())


def p_value_of_count(count: int, trials: int, probability: float) -> float:
    """Bound, two-sided: ``count`` successes in independent trials of this probability (exact binomial tails)."""
    return min(1.0, 2.0 * min(binomial_below(count, trials, probability), binomial_above(count, trials, probability)))


def binomial_below(count: int, trials: int, probability: float) -> float:
    """P(X <= count) for X binomial."""
    return float(special.bdtr(count, trials, probability))


def binomial_above(count: int, trials: int, probability: float) -> float:
    """P(X >= count) for X binomial."""
    return float(special.bdtrc(count - 1, trials, probability)) if count > 0 else 1.0


def two_sided_normal(statistics: torch.Tensor) -> torch.Tensor:
    """P(|N(0, 1)| >= |statistic|), entry by entry."""
    return torch.from_numpy(np.asarray(2.0 * special.ndtr(-statistics.abs().numpy())))


def two_sided_chi_square(statistics: torch.Tensor, degrees: int) -> torch.Tensor:
    """Twice the smaller tail of chi-square at each statistic, at most 1."""
    half = statistics.numpy() / 2.0
    tails = np.minimum(special.gammainc(degrees / 2.0, half), special.gammaincc(degrees / 2.0, half))
    return torch.from_numpy(np.asarray(np.minimum(1.0, 2.0 * tails)))


def massart(gap: float, n: int) -> float:
    """Bound on the probability that an empirical distribution function of n values is off by ``gap`` anywhere."""
    return min(1.0, 2.0 * math.exp(-2.0 * n * gap * gap))


def centred_squares(groups: torch.Tensor) -> torch.Tensor:
    """(groups, n) -> (groups,): sums of squares about each group's mean."""
    return (groups - groups.mean(1, keepdim=True)).square().sum(1)


def _as_groups(z: torch.Tensor) -> torch.Tensor:
    if z.ndim != 2 or z.numel() == 0:
        raise ValueError(f"values of shape (groups, n) are needed, not {tuple(z.shape)}")
    return z.detach().double()


def _largest_gap(levels: np.ndarray) -> float:
    steps = np.arange(levels.size + 1) / levels.size
    return float(max(np.max(steps[1:] - levels), np.max(levels - steps[:-1])))
