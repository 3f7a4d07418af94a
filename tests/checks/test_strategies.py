"""Drawn inputs are in generic position, shrink to small ones, and are the same every time."""

import pytest
import torch
from hypothesis import find, given, seed

from autograder.checks import (
    DiagonalGaussian,
    LinearSchedule,
    assert_standard_normal,
    diagonal_gaussians,
    images,
    noising_problems,
    schedules,
    seeds,
    standardised_noise,
    tensors,
    timesteps,
)
from autograder.checks.authoring.pinning import settings_for


def examples(strategy, count=25):
    """The examples that a check draws from a strategy, with a fixed seed."""
    drawn = []

    @seed(0)
    @settings_for(count)
    @given(strategy)
    def collect(value):
        drawn.append(value)

    collect()
    return drawn


def smallest(strategy, condition):
    return find(strategy, condition, settings=settings_for(200))


def test_gaussians_are_in_generic_position():
    for q in examples(diagonal_gaussians(max_batch=8, max_dim=16)):
        batch, dim = q.mean.shape
        assert 2 <= batch <= 8 and 2 <= dim <= 16 and q.logvar.shape == q.mean.shape
        for values in (q.mean, q.logvar):
            assert values.dtype is torch.float32 and values.is_leaf and not values.requires_grad
            assert bool((values.abs() >= 0.25).all()) and bool((values.abs() <= 2).all())
            assert values.unique().numel() == values.numel()
            assert bool((values > 0).any()) or values.numel() < 40


def test_gaussians_over_images_and_with_gradients():
    drawn = examples(diagonal_gaussians(image=True, requires_grad=True))
    assert all(q.mean.ndim == 4 and q.mean.requires_grad and q.logvar.requires_grad for q in drawn)
    assert any(q.shape[2] != q.shape[3] for q in drawn)


def test_examples_differ_and_repeat_with_the_same_seed():
    first, second = (examples(diagonal_gaussians()) for _ in range(2))
    assert [repr(q) for q in first] == [repr(q) for q in second]
    assert len({repr(q) for q in first}) > 20


def test_failing_examples_shrink_to_the_smallest_shape_and_seed():
    q = smallest(diagonal_gaussians(), lambda q: q.mean.shape[1] >= 3)
    assert q.shape == (2, 3)
    assert torch.equal(q.mean, smallest(diagonal_gaussians(), lambda q: q.mean.shape[1] >= 3).mean)
    assert smallest(tensors((2, 9), 4), lambda x: True).shape == (2, 4)
    assert smallest(seeds(), lambda x: True) == 0


def test_images_are_normalised():
    for x in examples(images(size=16, max_batch=5)):
        assert x.shape[1:] == (3, 16, 16) and 2 <= x.shape[0] <= 5
        assert bool((x.abs() <= 1).all()) and float(x.min()) < -0.9 and float(x.max()) > 0.9


def test_tensors_have_the_sizes_that_were_asked_for():
    for x in examples(tensors((2, 4), 5, (1, 3), requires_grad=True)):
        assert 2 <= x.shape[0] <= 4 and x.shape[1] == 5 and 1 <= x.shape[2] <= 3 and x.requires_grad and x.is_leaf


def test_time_indices_are_mixed_and_include_both_ends():
    drawn = examples(timesteps(1000, 5))
    for t in drawn:
        assert t.dtype is torch.int64 and t.shape == (5,)
        assert 0 in t and 999 in t and bool(((t >= 0) & (t < 1000)).all())
    assert len({int(t[0]) for t in drawn}) > 5  # in any order
    assert {int(t) for t in examples(timesteps(10, 1), 50)} == {0, 9}


def test_noising_problems_fit_together():
    for problem in examples(noising_problems(50)):
        batch, channels, height, width = problem.images.shape
        assert problem.noise.shape == problem.images.shape and problem.t.shape == (batch,)
        assert channels == 3 and height != width and batch >= 3
        assert 0 in problem.t and 49 in problem.t
        assert repr(problem).startswith("NoisingProblem(images=float32 tensor")


def test_schedules_are_no_default():
    for schedule in examples(schedules()):
        assert 0 < schedule.beta_start < schedule.beta_end < 0.31 and 4 <= schedule.timesteps <= 200
        assert isinstance(schedule, LinearSchedule) and schedule.beta_start != 1e-4


def test_impossible_sizes_are_refused_at_once():
    for misuse in (
        lambda: diagonal_gaussians(max_batch=1),
        lambda: tensors((3, 2)),
        lambda: tensors(0),
        lambda: timesteps(1, 3),
        lambda: timesteps(10, 0),
        lambda: images(channels=0),
        lambda: noising_problems(1),
    ):
        with pytest.raises(ValueError):
            misuse()


def test_a_gaussian_samples_itself_and_whitens_its_samples():
    q = examples(diagonal_gaussians())[3]
    samples = q.sample(3000, torch.Generator().manual_seed(0))
    assert samples.shape == (3000, *q.shape) and samples.dtype is torch.float64
    assert_standard_normal(q.whiten(samples))
    assert samples.std(0).log().mul(2).sub(q.logvar).abs().max() < 0.3
    assert (samples.mean(0) - q.mean).abs().max() < 0.4
    with pytest.raises(ValueError, match="at least 1"):
        q.sample(0, torch.Generator())


def test_a_gaussian_of_two_shapes_is_refused_and_is_shown_readably():
    with pytest.raises(ValueError, match="one shape"):
        DiagonalGaussian(torch.ones(2, 3), torch.ones(2, 2))
    q = DiagonalGaussian(torch.ones(1, 2), torch.zeros(1, 2))
    assert repr(q) == "DiagonalGaussian(mean=float32 tensor (1, 2) [[1, 1]], logvar=float32 tensor (1, 2) [[0, 0]])"


def test_standardised_noise_has_the_moments_exactly():
    noise = standardised_noise(5, (3, 2), torch.Generator().manual_seed(0))
    assert noise.mean(0).abs().max() < 1e-15 and (noise.square().mean(0) - 1).abs().max() < 1e-14
    with pytest.raises(ValueError, match="fewer than 2"):
        standardised_noise(1, (2,), torch.Generator())
