"""Averages: exact for designed noise, within a proven bound for the rest."""

import pytest
import torch

from autograder.checks import (
    CheckFailed,
    assert_bounded_mean,
    assert_equals_monte_carlo_mean,
    assert_mean,
    diagonal_gaussians,
)
from autograder.checks.statistics.sample_sizes import sample_size_for_mean
from tests.checks.test_strategies import examples


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def closed_form(q, factor=0.5):
    mean, logvar = q.mean, q.logvar
    return factor * (mean**2 + logvar.exp() - 1 - logvar).flatten(1).sum(1)


@pytest.mark.parametrize("image", [False, True])
def test_the_designed_mean_is_the_expectation_to_rounding(image):
    for q in examples(diagonal_gaussians(image=image)):
        assert_equals_monte_carlo_mean(closed_form(q), q.log_ratio_to_standard_normal)
        assert_equals_monte_carlo_mean(closed_form(q), lambda q=q: q.log_ratio_to_standard_normal)
        truth = closed_form(type(q)(q.mean.double(), q.logvar.double()))
        assert torch.allclose(q.log_ratio_to_standard_normal.mean(0), truth, rtol=1e-12, atol=1e-12)


def test_wrong_divergences_fail_on_every_example():
    for q in examples(diagonal_gaussians()):
        wrong = [
            closed_form(q, 1.0),
            -closed_form(q),
            0.5 * (q.mean**2 + (q.logvar / 2).exp() - 1 - q.logvar).sum(1),
            0.5 * (q.mean**2 + q.logvar.exp() - 1 - q.logvar / 2).sum(1),
            0.5 * (q.mean.abs() + q.logvar.exp() - 1 - q.logvar).sum(1),
            closed_form(q) / q.mean.shape[1],
            closed_form(q).mean(),
        ]
        for got in wrong:
            with pytest.raises(CheckFailed):
                assert_equals_monte_carlo_mean(got, samples=q.log_ratio_to_standard_normal, name="kl()")


def test_the_mean_of_normal_samples_is_judged_for_each_entry():
    expected, std = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.5, 2.0, 1.0])
    n = sample_size_for_mean(0.25, tests=3)
    for seed in range(100):
        samples = expected + std * normal(seed, n, 3)
        assert_mean(samples, expected, std)
        samples[:, 1] += 0.25 * 2.0
        with pytest.raises(CheckFailed, match=r"the mean of x is -1\.\d+ where -2 is due"):
            assert_mean(samples, expected, std, name="x")


def test_the_mean_of_bounded_samples_is_judged_by_a_bound():
    for seed in range(50):
        samples = torch.rand(2000, 3, generator=torch.Generator().manual_seed(seed))
        assert_bounded_mean(samples, 0.5, low=0, high=1, effect=0.15)
        with pytest.raises(CheckFailed, match=r"is off by 0\.1"):
            assert_bounded_mean(samples * 0.7, 0.5, low=0, high=1, effect=0.15)
        with pytest.raises(CheckFailed, match=r"leaves \[0, 0.5\]"):
            assert_bounded_mean(samples, 0.5, low=0, high=0.5, effect=0.15)


def test_misuse_raises_rather_than_be_weak():
    with pytest.raises(ValueError, match=r"\(n, batch\)"):
        assert_equals_monte_carlo_mean(torch.ones(3), torch.ones(1, 3))
    with pytest.raises(ValueError, match=r"10 samples are too few to see a mean off by 0\.25"):
        assert_mean(normal(0, 10, 2), 0.0, 1.0)
    with pytest.raises(ValueError, match="std must be positive"):
        assert_mean(normal(0, 10, 2), 0.0, 0.0)
    with pytest.raises(ValueError, match=r"10 samples are too few to see a mean off by 0\.1: give"):
        assert_bounded_mean(torch.rand(10), 0.5, low=0, high=1, effect=0.1)
    with pytest.raises(ValueError, match="low < high"):
        assert_bounded_mean(torch.rand(10), 0.5, low=1, high=0, effect=0.1)
    with pytest.raises(CheckFailed, match="is None"):
        assert_mean(None, 0.0, 1.0)
