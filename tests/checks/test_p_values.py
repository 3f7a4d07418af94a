"""P-values are what they say: uniform for a correct sampler where exact, at least uniform where a bound."""

import math

import pytest
import torch
from scipy import special

from autograder.checks.statistics import p_values
from autograder.checks.statistics.normality import standard_normal_p_values
from autograder.checks.statistics.uniformity import uniform_integers_p_values

LEVELS = (0.5, 0.1, 0.01, 0.001)
# A test of this project's own fails by chance (once, when it is written: seeds are fixed) with less than this.
CHANCE = 1e-6


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_uniform(values):
    levels = torch.as_tensor(values, dtype=torch.float64).sort().values
    steps = torch.arange(1, levels.numel() + 1) / levels.numel()
    gap = max(float((levels - steps).abs().max()), float((levels - steps + 1 / levels.numel()).abs().max()))
    assert p_values.massart(gap, levels.numel()) > CHANCE


def assert_at_least_uniform(values):
    found = torch.as_tensor(values)
    for level in LEVELS:
        below = int((found <= level).sum())
        assert p_values.binomial_above(below, found.numel(), level) > CHANCE, level


def test_exact_p_values_are_uniform():
    for n in (1, 2, 50):
        assert_uniform(p_values.p_values_of_means(normal(n, 40_000, n)))
    for n in (2, 3, 50):
        assert_uniform(p_values.p_values_of_variances(normal(n, 40_000, n)))
    for n in (1, 2, 30):
        a, b = normal(n, 5000, n), normal(n + 1, 5000, n)
        assert_uniform([p_values.p_value_of_independence(x, y) for x, y in zip(a, b, strict=True)])


def test_a_shifted_mean_does_not_pass_for_a_wrong_variance():
    assert_uniform(p_values.p_values_of_variances(normal(0, 40_000, 5) + 7.0))


def test_bounds_are_at_least_uniform():
    assert_at_least_uniform([p_values.p_value_of_normal_shape(z) for z in normal(0, 3000, 40)])
    draws = torch.randint(3, 8, (3000, 60), generator=torch.Generator().manual_seed(0))
    assert_at_least_uniform([p_values.p_value_of_uniform_integers(x, 3, 7) for x in draws])
    counts = (draws == 3).sum(1).tolist()
    assert_at_least_uniform([p_values.p_value_of_count(k, 60, 0.2) for k in counts])


@pytest.mark.parametrize("shape", [(60,), (12, 5), (6, 3, 4, 5)])
def test_every_test_of_a_normal_sample_is_at_least_uniform(shape):
    drawn = [standard_normal_p_values(normal(seed, *shape)) for seed in range(1500)]
    for name in drawn[0]:
        assert_at_least_uniform([one[name] for one in drawn])
    for name in ("std all", "mean all", "neighbours along 0", "first along 0"):
        assert_uniform([one[name] for one in drawn])


def test_every_test_of_whole_numbers_is_at_least_uniform():
    generator = torch.Generator().manual_seed(0)
    rows = [
        list(uniform_integers_p_values(torch.randint(0, 4, (20, 10), generator=generator), 0, 3).values())
        for _ in range(1500)
    ]
    for column in zip(*rows, strict=True):
        assert_at_least_uniform(column)


def test_binomial_tails_are_the_sums_of_their_terms():
    terms = [math.comb(12, k) * 0.3**k * 0.7 ** (12 - k) for k in range(13)]
    for k in range(13):
        assert p_values.binomial_below(k, 12, 0.3) == pytest.approx(sum(terms[: k + 1]))
        assert p_values.binomial_above(k, 12, 0.3) == pytest.approx(sum(terms[k:]))
    assert p_values.p_value_of_count(0, 12, 0.3) == pytest.approx(2 * 0.7**12)


def test_tiny_p_values_keep_their_digits():
    assert float(p_values.two_sided_normal(torch.tensor(20.0, dtype=torch.float64))) == pytest.approx(
        5.507e-89, rel=1e-3
    )
    expected = 2 * math.exp(-100 / 2)  # chi-square with 2 degrees is exponential
    assert float(p_values.two_sided_chi_square(torch.tensor([100.0]).double(), 2)) == pytest.approx(expected)
    # Wide samples: the cube root of chi-square is nearly normal (Wilson and Hilferty 1931).
    degrees, x = 100_000, 1e5 - 5 * math.sqrt(2e5)
    wide = float(p_values.two_sided_chi_square(torch.tensor([x], dtype=torch.float64), degrees))
    cube_root = ((x / degrees) ** (1 / 3) - 1 + 2 / (9 * degrees)) / math.sqrt(2 / (9 * degrees))
    assert wide == pytest.approx(2 * special.ndtr(cube_root), rel=0.001)


def test_groups_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(groups, n\)"):
        p_values.p_values_of_means(torch.zeros(3))
    with pytest.raises(ValueError, match="at least 2 in each group"):
        p_values.p_values_of_variances(torch.zeros(3, 1))
    assert p_values.p_value_of_independence(torch.ones(3), torch.zeros(3)) == 1.0
