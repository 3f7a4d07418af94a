"""Correct noise never fails; each way in which noise goes wrong is caught, always, and named."""

import math

import pytest
import torch

from autograder.checks import CheckFailed, Unit, assert_independent, assert_standard_normal
from autograder.checks.statistics.sample_sizes import (
    sample_size_for_correlation,
    sample_size_for_mean,
    sample_size_for_std,
)

SEEDS = range(50)
COUNT = 15


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def summary(z, **options):
    with pytest.raises(CheckFailed) as caught:
        assert_standard_normal(z, **options)
    return caught.value.summary


@pytest.mark.parametrize("shape", [(4000,), (500, 8), (20, 3, 8, 9), (2, 2000), (2000, 2)])
def test_correct_noise_passes(shape):
    for seed in SEEDS:
        assert_standard_normal(normal(seed, *shape))


def test_the_stated_effect_is_seen_always():
    # The size that the assertion itself asks for, with alpha split over a few more tests than there are.
    rows = max(sample_size_for_std(0.8, 1e-9 / COUNT, tests=8), sample_size_for_mean(0.25, 1e-9 / COUNT, tests=8))
    for seed in SEEDS:
        for factor in (1.25, 0.8):
            z = normal(seed, rows, 8)
            z[:, 3] *= factor
            words = summary(z, unit=Unit.COORDINATE)
            assert "standard deviation" in words and "at one coordinate of each row (number 3," in words
        z = normal(seed, rows, 8)
        z[:, 5] += 0.25
        assert "at one coordinate of each row (number 5," in summary(z, unit=Unit.COORDINATE)
        z = normal(seed, 8, rows)
        z[2] -= 0.25
        assert "in one row (number 2," in summary(z, unit=Unit.ROW)
        n = sample_size_for_mean(0.25, 1e-9 / COUNT)
        summary(normal(seed, n) + 0.25, std_effect=1.5)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda z: z * math.sqrt(2), "has standard deviation 1."),
        (lambda z: z + 1, "where 0 is due"),
        (lambda z: 0 * z, "does not vary: it is 0 everywhere, so no noise is added"),
        (lambda z: 0 * z + 0.3, "does not vary: it is 0.3 everywhere"),
        (lambda z: z[:1].expand_as(z), "is shared: all rows have the same noise"),
        (lambda z: z[:, :1].expand_as(z), "is shared: all entries along dimension 1 have the same noise"),
        (lambda z: z[:, :, :1, :1].expand_as(z), "is shared: all entries along dimension 2"),
        (lambda z: torch.cat([z[:16], z[:16]]), "the second half of dimension 0 has the noise of the first"),
        (lambda z: z[::2].repeat_interleave(2, 0), "neighbours along dimension 0 have the same noise"),
        (lambda z: (z + z.roll(1, 3)) / math.sqrt(2), "the entries along dimension 3 are correlated"),
        (lambda z: (z + z[:1]) / math.sqrt(2), "the rows are correlated"),
        (lambda z: torch.cat([z[:16], -z[:16]]), "the rows are correlated"),
        (lambda z: z.sign(), "does not have the shape of a normal distribution"),
        (lambda z: (torch.special.ndtr(z) - 0.5) * math.sqrt(12), "does not have the shape of a normal distribution"),
        (lambda z: z.abs(), "where 1 is due and mean 0."),
        (lambda z: z / 0, "is not finite"),
    ],
)
def test_each_way_to_spoil_noise_is_named(spoil, words):
    for seed in range(10):
        assert words in summary(spoil(normal(seed, 32, 3, 8, 8)), name="the noise")


def test_noise_shared_over_the_coordinates_of_a_row_is_named():
    z = normal(0, 2000, 1).expand(2000, 8)
    assert "all coordinates of a row have the same noise" in summary(z)


def test_a_row_with_noise_where_none_is_due_elsewhere_is_named():
    z = normal(0, 6, 3000)
    z[4] = 0.0
    assert "does not vary in one row (number 4, 3000 values)" in summary(z)


def test_the_report_says_what_was_due_and_how_unlikely_it_is():
    z = normal(0, 4000)
    with pytest.raises(CheckFailed) as caught:
        assert_standard_normal(z / z.std(correction=0) * 1.5, name="the noise of sample()")
    assert caught.value.summary == "the noise of sample() has standard deviation 1.5 where 1 is due"
    assert "mean 0 and standard deviation 1" in caught.value.expected
    assert "over 4000 values of shape (4000,)" in caught.value.got
    assert caught.value.worst.startswith("a correct implementation does this with probability")


def test_independent_draws_pass_and_equal_ones_do_not():
    n = sample_size_for_correlation(1.0)
    for seed in SEEDS:
        first, second = normal(seed, n, 1), normal(seed + 1000, n, 1)
        assert_independent(first, second)
        with pytest.raises(CheckFailed, match="is the same: it must be drawn afresh each time"):
            assert_independent(first, first.clone())
    with pytest.raises(CheckFailed, match=r"correlation is 0\.7"):
        assert_independent(normal(0, 2000), (normal(0, 2000) + normal(1, 2000)) / math.sqrt(2))


def test_misuse_raises_rather_than_be_weak():
    z = normal(0, 1000, 4)
    with pytest.raises(ValueError, match=r"1000 values in each coordinate are too few to see a mean off by 0\.1"):
        assert_standard_normal(z, mean_effect=0.1, unit=Unit.COORDINATE)
    with pytest.raises(ValueError, match="4 values in each row are too few"):
        assert_standard_normal(z, unit=Unit.ROW)
    with pytest.raises(ValueError, match="a factor above 1"):
        assert_standard_normal(z, std_effect=0.8)
    with pytest.raises(ValueError, match="alpha"):
        assert_standard_normal(z, alpha=0)
    with pytest.raises(ValueError, match=r"shape \(batch, ...\)"):
        assert_standard_normal(torch.tensor(0.0))
    with pytest.raises(TypeError, match="not list"):
        assert_standard_normal([0.0])
    with pytest.raises(ValueError, match="one shape"):
        assert_independent(z, z.T)
    with pytest.raises(ValueError, match="two draws of 4 values are too few"):
        assert_independent(z[0], z[1])
