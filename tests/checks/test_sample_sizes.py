"""Computed sample sizes have the power that they promise, and are not much larger than they need be."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from autograder.checks.authoring.pinning import settings_for
from autograder.checks.statistics import p_values, sample_sizes

ALPHA, POWER, RUNS = 0.01, 0.9, 20_000


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def power(found):
    return float((torch.as_tensor(found) <= ALPHA).double().mean())


def test_the_size_for_a_mean_is_the_smallest_with_the_power():
    quantile = -special.ndtri(0.5e-9)
    for effect in (0.05, 0.25, 2.0):
        n = sample_sizes.sample_size_for_mean(effect)
        assert special.ndtr(quantile - effect * math.sqrt(n)) <= 1e-6
        assert special.ndtr(quantile - effect * math.sqrt(n - 1)) > 1e-6
    assert sample_sizes.sample_size_for_mean(0.1, tests=100) > sample_sizes.sample_size_for_mean(0.1)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.25, 2.0])
def test_the_size_for_a_standard_deviation_has_the_power(ratio):
    n = sample_sizes.sample_size_for_std(ratio, ALPHA, POWER)
    assert POWER - 0.01 < power(p_values.p_values_of_variances(ratio * normal(0, RUNS, n))) < 0.95
    assert power(p_values.p_values_of_variances(ratio * normal(0, RUNS, n - 1))) < POWER + 0.01


@pytest.mark.parametrize("rho", [1.0, 0.6, -0.3])
def test_the_size_for_a_correlation_has_the_power(rho):
    n = sample_sizes.sample_size_for_correlation(rho, ALPHA, POWER)
    first = normal(0, 3000, n)
    second = rho * first + math.sqrt(1 - rho * rho) * normal(1, 3000, n)
    found = [p_values.p_value_of_independence(a, b) for a, b in zip(first, second, strict=True)]
    assert power(found) >= POWER


def test_the_size_for_a_distribution_has_the_power():
    distance = float(special.ndtr(0.5) - special.ndtr(-0.5)) / 2  # the gap between N(0, 1) and N(0, 1) shifted by 0.5
    n = sample_sizes.sample_size_for_distribution(distance, ALPHA, POWER)
    assert power([p_values.p_value_of_normal_shape(z + 0.5) for z in normal(0, 2000, n)]) >= POWER


def test_the_size_for_a_probability_has_the_power_and_little_more():
    for expected, actual in ((0.001, 0.0005), (0.3, 0.2), (0.2, 0.25), (0.01, 0.0)):
        n = sample_sizes.sample_size_for_probability(expected, actual, ALPHA, POWER)
        counts = torch.binomial(torch.full((2000,), float(n)), torch.tensor(actual), generator=torch.manual_seed(0))
        assert power([p_values.p_value_of_count(int(k), n, expected) for k in counts]) >= POWER
    # By the normal approximation 365,000 are needed.
    assert 365_000 < sample_sizes.sample_size_for_probability(0.001, 0.0005) < 1.15 * 365_000


def test_the_size_for_reach_is_the_smallest_at_which_a_missing_value_is_no_accident():
    for values in (2, 10, 1000):
        n = sample_sizes.sample_size_for_reach(values)
        assert p_values.p_value_of_count(0, n, 1 / values) <= sample_sizes.ALPHA / 2
        assert p_values.p_value_of_count(0, n - 1, 1 / values) > sample_sizes.ALPHA / 2


@settings_for()
@given(st.integers(0, 10_000), st.integers(0, 50))
def test_the_search_finds_the_first_that_holds(target, start):
    assert sample_sizes.smallest(lambda n: n >= target, start) == max(target, start)


@settings_for()
@given(bad=st.sampled_from([0, -0.1, 1, 1.5, math.nan]))
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match="alpha must lie strictly between 0 and 1"):
        sample_sizes.sample_size_for_mean(0.1, alpha=bad)
    with pytest.raises(ValueError, match="power must lie strictly"):
        sample_sizes.sample_size_for_std(1.5, power=bad)


def test_effects_that_are_none_are_refused():
    for call, words in (
        (lambda: sample_sizes.sample_size_for_mean(0), "positive number of standard deviations"),
        (lambda: sample_sizes.sample_size_for_mean(math.inf), "positive number"),
        (lambda: sample_sizes.sample_size_for_std(1.0), "positive and not 1"),
        (lambda: sample_sizes.sample_size_for_correlation(0.0), "not be 0"),
        (lambda: sample_sizes.sample_size_for_distribution(2.0), r"\(0, 1\]"),
        (lambda: sample_sizes.sample_size_for_reach(1), "at least 2 values"),
        (lambda: sample_sizes.sample_size_for_probability(0.5, 0.5), "two different probabilities"),
        (lambda: sample_sizes.sample_size_for_mean(0.1, tests=0), "at least 1 test"),
        (lambda: sample_sizes.sample_size_for_std(1 + 1e-9), "cannot be seen"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
