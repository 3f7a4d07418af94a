"""p_sample and p_sample_loop against float64 truths, with a model whose prediction is known."""

from __future__ import annotations

from typing import Any

import torch
from autograder_proofs.oracles.diffusion import Tables, linear_betas, p_sample_mean
from ift6135_a3.checks.public.test_ddpm_forward import known_model
from torch import Tensor

from autograder.checks import AffineNoise, CheckFailed, given, info, item
from autograder.checks.closeness import assert_close
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.strategies import tensors
from autograder.checks.tensor_assertions import assert_tensor

T = 1000
TABLES = Tables(linear_betas(1e-4, 0.02, T))
# With 2 * 3 * 33 * 34 = 6732 entries at each of 5 time indices, a mean off by 0.15 and a standard deviation off by 0.15
# are seen in one alone (5994 are needed).
SHAPE, EFFECTS = (2, 3, 33, 34), {"mean_effect": 0.15, "std_effect": 1.15, "unit": Unit.ROW}
STEPS = (1, 2, 250, 998, T - 1)
STEP_MODEL = (
    1.0,
    200.0,
    20.0,
)  # gain, tilt and bias: predictions of 21 to 225 move the mean by 20 to 32 noise deviations
# Float32 code may go through the clean image, whose share at index 0 is beta / (1 - alphas_cumprod) = 1e-4 / 1e-4; the
# denominator is off by at most 2 * 2**-24, so the mean by 1.2e-3 of itself.
MEAN_SCALE = 1.2e-3 * 2.0**14
CHAIN_MODEL = (0.5, 1000.0, -1.0)  # one index more or less moves the mean by 0.6 noise deviations; as in the stand-in


@item("ddpm.p_sample", weight=1)
@given(examples=10, images=tensors((2, 4), (1, 3), (3, 6), (3, 6)))
def test_mean_at_index_0(ddpm_solution: Any, images: Tensor) -> None:
    """At index 0 the result is the mean and nothing else, also for images outside [-1, 1]."""
    images, t = 4 * images, torch.zeros(len(images), dtype=torch.int64)
    model = known_model(*STEP_MODEL)
    for _ in range(2):
        _assert_mean(ddpm_solution.p_sample(model.lent, images, t, 0), STEP_MODEL, images)


@item("ddpm.p_sample", weight=1.5)
def test_steps_at_other_indices(ddpm_solution: Any) -> None:
    """Elsewhere mean and variance are those of the time index, and the noise is fresh for each image and call."""
    pixels = torch.randn(SHAPE, generator=torch.Generator().manual_seed(4))
    rounds = []
    for _ in range(2):
        noise = []
        for index in STEPS:
            images = pixels + (5 if index > 100 else 1)  # early, float32 knows the image no better than the noise
            model, t = known_model(*STEP_MODEL), torch.full(SHAPE[:1], index)
            step = assert_tensor(ddpm_solution.p_sample(model.lent, images, t, index), shape=SHAPE)
            _judge_times(model, [index])
            noise.append(_whitened(STEP_MODEL, images, step, index))
        rounds.append(torch.stack(noise))
    assert_standard_normal(rounds[0], **EFFECTS)
    assert_independent(*rounds)


@item("ddpm.p_sample", weight=0.75)
def test_no_gradient_is_kept(ddpm_solution: Any) -> None:
    """A reverse step remembers no graph: a thousand of them must fit into memory."""
    images = (3 * torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(5))).requires_grad_()
    model = known_model(*STEP_MODEL)
    for index in (T - 1, 0):
        step = ddpm_solution.p_sample(model.lent, images, torch.full((3,), index), index)
        if info(assert_tensor(step, shape=images.shape)).requires_grad:
            raise CheckFailed("the result of p_sample requires a gradient: switch gradients off for sampling")
    _assert_mean(step, STEP_MODEL, images.detach())


@item("ddpm.p_sample_loop", weight=1)
def test_every_transition_of_the_chain(ddpm_solution: Any) -> None:
    """All images come stacked, in the order of sampling; each is one reverse step from the one before."""
    model, timesteps = known_model(*CHAIN_MODEL), 6
    chain = ddpm_solution.p_sample_loop(model.lent, SHAPE, timesteps)
    chain = assert_tensor(chain, shape=(timesteps, *SHAPE), name="the stack of images")
    pairs = [(chain[timesteps - 2 - index], chain[timesteps - 1 - index], index) for index in range(4, 0, -1)]
    if model.times:  # nothing, where p_sample is the grader's own
        _judge_times(model, range(timesteps - 1, -1, -1))
        start = assert_tensor(model.images[-timesteps], shape=SHAPE, name="the model's input")
        pairs.insert(0, (start, chain[0], timesteps - 1))
    assert_standard_normal(torch.stack([_whitened(CHAIN_MODEL, *pair) for pair in pairs]), **EFFECTS)
    _assert_mean(chain[-1], CHAIN_MODEL, chain[-2], name="the last image")


@item("ddpm.p_sample_loop", weight=0.5)
def test_the_chain_starts_from_noise(ddpm_solution: Any) -> None:
    """The chain starts from standard normal noise of the asked shape, fresh in every call and for each image."""
    shape, timesteps = (3, 1, 44, 51), 2
    model = known_model(*CHAIN_MODEL)
    starts = []
    for _ in range(2):
        chain = ddpm_solution.p_sample_loop(model.lent, shape, timesteps)
        chain = assert_tensor(chain, shape=(timesteps, *shape), name="the stack of images")
        starts.append(_whitened_start(chain[0], timesteps - 1))
    assert_standard_normal(starts[0], name="the noise at the start", mean_effect=0.15, std_effect=1.15)
    assert_independent(*starts)


def _mean(parameters: tuple[float, float, float], images: Tensor, index: int) -> Tensor:
    """The mean of the step from images at an index, for a model of these parameters, in float64."""
    gain, tilt, bias = parameters
    t = torch.full((len(images),), index)
    return p_sample_mean(TABLES, images, t, gain * images.double() + tilt * index / 1000 + bias)


def _assert_mean(got: object, parameters: tuple[float, float, float], images: Tensor, name: str = "the result") -> None:
    """Raise `CheckFailed` unless this is the mean of the step from images at index 0."""
    due = _mean(parameters, images, 0)
    assert_close(got, due, name=name, scale=MEAN_SCALE * due.abs() + due.abs().max())


def _whitened(parameters: tuple[float, float, float], images: Tensor, step: Tensor, index: int) -> Tensor:
    """The noise that a step from images added, in units of its due deviation."""
    return (step.double() - _mean(parameters, images, index)) / TABLES.posterior_variance[index].sqrt()


def _whitened_start(first: Tensor, index: int) -> Tensor:
    """The chain's first image in units of its due deviation: the step is affine in its start, which is N(0, I)."""
    shift = _mean(CHAIN_MODEL, torch.zeros_like(first), index)
    factor = _mean(CHAIN_MODEL, torch.ones_like(first), index) - shift
    return (first.double() - shift) / (factor**2 + TABLES.posterior_variance[index]).sqrt()


def _judge_times(model: AffineNoise, indices: Any) -> None:
    """Compare what the model was asked last with the time indices that it should have been asked about."""
    due = [[index] * SHAPE[0] for index in indices]
    if [entry.tolist() for entry in model.times][-len(due) :] != due:
        raise CheckFailed("the model must be asked about the time index of the step, one entry for each image")
