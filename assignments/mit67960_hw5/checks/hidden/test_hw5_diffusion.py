"""Questions 8 and 11 against truths in float64, with a model whose prediction is known."""

from __future__ import annotations

from typing import Any

import torch
from autograder_proofs.oracles.diffusion import at, p_sample_mean, q_sample
from hypothesis import strategies as st
from mit67960_hw5.checks.hidden.hw5_diffusion_stand_ins import TABLES, T, betas
from mit67960_hw5.checks.public.test_hw5_diffusion import (
    KnownStep,
    assert_asked,
    assert_chained,
    assert_times,
    looped,
    some_noise,
)
from torch import Tensor

from autograder.checks import AffineNoise, given, item, seeds, teach
from autograder.checks.closeness import assert_close, assert_gradients_close
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.strategies import noising_problems
from autograder.checks.tensor_assertions import assert_tensor

MODEL = (0.6, 0.005, -0.8)  # gain, tilt and bias of the known model
LOOP_MODEL = (0.1, 0.002, -0.2)


def prediction(x: Tensor, t: Tensor) -> Tensor:
    """What the known model predicts, float64."""
    return MODEL[0] * x.double() + MODEL[1] * t.double().reshape(-1, *[1] * (x.ndim - 1)) + MODEL[2]


# q11.diffusion.linear_beta_schedule


@item("q11.diffusion.linear_beta_schedule", weight=1)
@given(examples=12, timesteps=st.integers(25, 1000))
def test_betas_of_any_number_of_steps(hw5, timesteps):
    """For every T there are T betas at equal distances, both ends included; both ends depend on T."""
    assert_close(hw5.linear_beta_schedule(timesteps), betas(timesteps), scale=0.0)


# q11.diffusion.p_losses


@item("q11.diffusion.p_losses", weight=2)
@given(examples=8, problem=noising_problems(T, channels=2))
def test_loss_and_its_gradient(hw5, problem):
    """The loss is the mean squared error of the prediction for the noisy images, and it trains the model."""
    predictor = AffineNoise(*MODEL)
    loss = assert_tensor(
        hw5.p_losses(predictor.lent, problem.images, problem.t, problem.noise), shape=(), name="the loss"
    )
    x_t = assert_tensor(assert_times(predictor, problem.t), shape=problem.images.shape, name="the model's input")
    assert_close(x_t, q_sample(TABLES, problem.images, problem.t, problem.noise), name="the model's input")
    parameters = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in MODEL]
    gain, tilt, bias = parameters
    predicted = gain * x_t.double() + at(tilt * torch.arange(T), problem.t, x_t) + bias
    due = (predicted - problem.noise.double()).square().mean()
    assert_close(loss, due.detach(), name="the loss")
    arriving = teach(loss, [predictor.gain, predictor.tilt, predictor.bias])
    names = [f"the model's {name}" for name in ("gain", "tilt", "bias")]
    assert_gradients_close(arriving, torch.autograd.grad(due, parameters), names, of="the loss", scale=float(T))


# q11.diffusion.p_sample


@item("q11.diffusion.p_sample", weight=1)
@given(examples=12, seed=seeds(), batch=st.integers(2, 4), spread=st.sampled_from([0.3, 1.0, 3.0]))
def test_the_mean_at_index_0(hw5, seed, batch, spread):
    """At index 0 the result follows from the prediction alone, also for images outside of [-1, 1]."""
    images, t = spread * some_noise(batch, 2, 6, seed), torch.zeros(batch, dtype=torch.int64)
    due = p_sample_mean(TABLES, images, t, prediction(images, t))
    for _ in range(2):
        assert_close(hw5.p_sample(AffineNoise(*MODEL).lent, images, t, 0), due, scale=4.0)


STEPS = (1, 2, 9, 60, 150, T - 1)
LOUD = 40.0  # added to what the known model predicts, so that a wrong share of it is seen beside the noise
SHAPE = (3, 2, 36, 37)
# 3 * 2 * 36 * 37 = 7992 entries at each of 6 time indices: a mean off by 0.15 and a standard deviation off by a seventh
# are seen in one alone.
EFFECTS: Any = {"mean_effect": 0.15, "std_effect": 1.15, "unit": Unit.ROW}


@item("q11.diffusion.p_sample", weight=1.5)
def test_steps_at_other_indices(hw5):
    """Elsewhere mean and variance are those of the time index, and the noise is fresh for each image and call."""
    pixels, rounds = torch.randn(SHAPE, generator=torch.Generator().manual_seed(4)) + 1, []
    for _ in range(2):
        noise = []
        for index in STEPS:
            predictor, t = AffineNoise(*MODEL[:2], MODEL[2] + LOUD), torch.full(SHAPE[:1], index)
            step = assert_tensor(hw5.p_sample(predictor.lent, pixels, t, index), shape=SHAPE)
            assert_times(predictor, t)
            due = p_sample_mean(TABLES, pixels, t, prediction(pixels, t) + LOUD)
            noise.append((step.double() - due) / TABLES.posterior_variance[index].sqrt())
        rounds.append(torch.stack(noise))
    assert_standard_normal(rounds[0], name="the noise that is added", **EFFECTS)
    assert_independent(*rounds)


# q11.diffusion.p_sample_loop


@item("q11.diffusion.p_sample_loop", weight=2)
def test_the_whole_way_back(hw5):
    """Each of the 201 stages is one reverse step from the one before; x_T comes first and x_0 last."""
    shape = (2, 3, 6, 5)
    predictor, step = AffineNoise(*LOOP_MODEL), KnownStep(shape, 0.7, 1.3)
    stages = looped(hw5, shape, predictor, step)
    if step.calls or not predictor.times:
        return assert_chained(stages, step)
    assert_asked(predictor, stages)
    return assert_transitions(stages)


def assert_transitions(stages: Tensor) -> None:
    """Raise `CheckFailed` unless all steps are those of the known model, each with noise of its own."""
    (gain, tilt, bias), batch, noise = LOOP_MODEL, stages.shape[1], []
    for step in range(T):
        before, t = stages[step], torch.full((batch,), T - 1 - step)
        predicted = gain * before.double() + at(tilt * torch.arange(T), t, before) + bias
        due = p_sample_mean(TABLES, before, t, predicted)
        if step == T - 1:
            assert_close(stages[T], due, name="the last stage", scale=4.0)
        else:
            noise.append((stages[step + 1].double() - due) / TABLES.posterior_variance[T - 1 - step].sqrt())
    assert_standard_normal(torch.stack(noise), name="the noise of the chain", mean_effect=0.1, std_effect=1.1)
