"""Uniform whole numbers pass; each off-by-one and each kind of repetition is caught and named."""

import pytest
import torch

from autograder.checks import CheckFailed, assert_uniform_integers
from autograder.checks.statistics.sample_sizes import sample_size_for_probability, sample_size_for_reach

STEPS = 200
SHAPE = (1000, 16)


def draw(seed, shape=SHAPE, low=0, high=STEPS):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def summary(samples, low=0, high=STEPS - 1, **options):
    with pytest.raises(CheckFailed) as caught:
        assert_uniform_integers(samples, low, high, **options)
    return caught.value.summary


def test_uniform_draws_pass():
    for seed in range(100):
        assert_uniform_integers(draw(seed), 0, STEPS - 1)
        assert_uniform_integers(draw(seed, low=3, high=23), 3, 22)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t + 1, "contains 200, outside 0..199"),
        (lambda t: t - 1, "contains -1, outside 0..199"),
        (lambda t: t.clamp(0, STEPS - 2), "gives the largest value 199 0 times in 16000, where about 80 are due"),
        (lambda t: t.clamp_min(1), "gives the smallest value 0 0 times"),
        (lambda t: t[:, :1].expand(SHAPE), "repeats itself along dimension 1"),
        (lambda t: t[:1].expand(SHAPE), "repeats itself along dimension 0"),
        (lambda t: (t.double() ** 2 / STEPS).long(), "gives the smallest value 0"),
        (lambda t: torch.where((t > 50) & (t < 150), (t * 7) % 50 + 50, t), "is not uniform"),
        (lambda t: t.float(), "has dtype float32 where int64 is due"),
        (lambda t: t.tolist(), "is a list"),
    ],
)
def test_each_way_to_spoil_them_is_named(spoil, words):
    for seed in range(10):
        assert words in summary(spoil(draw(seed)), name="t_sample(T, batch)")


def test_an_end_that_never_comes_is_seen_at_the_computed_size():
    n = sample_size_for_reach(1000, tests=4)
    for seed in range(20):
        assert summary(draw(seed, (n,), high=999), high=999)
        assert summary(draw(seed, (n,), low=1, high=1000), high=999)


def test_ends_that_come_half_as_often_are_seen_at_the_computed_size():
    n = sample_size_for_probability(1 / 50, 1 / 98, 1e-9, tests=4)
    for seed in range(20):
        uniform = torch.rand(n, generator=torch.Generator().manual_seed(seed))
        assert "gives the smallest value 0" in summary((uniform * 49).round().long(), high=49)


def test_misuse_raises_rather_than_be_weak():
    with pytest.raises(ValueError, match="100 samples are too few to see that one of 1000 values never comes"):
        assert_uniform_integers(draw(0, (100,)), 0, 999)
    with pytest.raises(ValueError, match=r"off by 0\.001"):
        assert_uniform_integers(draw(0), 0, 199, distance=0.001)
    with pytest.raises(ValueError, match="low < high"):
        assert_uniform_integers(draw(0), 5, 5)
    with pytest.raises(ValueError, match="alpha"):
        assert_uniform_integers(draw(0), 0, 199, alpha=2)
