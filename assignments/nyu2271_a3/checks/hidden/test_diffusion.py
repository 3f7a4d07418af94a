"""Part B against truths in float64, with a model whose prediction is known."""

from __future__ import annotations

from typing import Any

import torch
from autograder_proofs.oracles.diffusion import (
    Tables,
    at,
    clamped_p_sample_mean,
    cosine_alphas,
    predict_start,
)
from hypothesis import strategies as st
from nyu2271_a3.checks.hidden.diffusion_stand_ins import moved
from nyu2271_a3.checks.public.test_diffusion import some_images, some_noise, start_of, times_of
from torch import Tensor

from autograder.checks import AffineNoise, CheckFailed, given, item, seeds
from autograder.checks.closeness import assert_close
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.tensor_assertions import assert_tensor

T = 14
TABLES = Tables(1 - cosine_alphas(T))
MODEL = (0.6, 0.1, -0.8)  # gain, tilt and bias of the known model
# 1 - alphas_cumprod is 0.014 at index 0; float32 code is off by 2**-23 of 1 there, so what is divided by its root by
# 1e-5 of itself, within the tolerance of assert_close twice over. At the last index alphas_cumprod is 1e-5.


def built(diffusion: Any, diffusion_probes: Any, *, size: int = 6, channels: int = 2, timesteps: int = T, model=MODEL):
    """A Diffusion of the hand-in around a known model, and that model."""
    predictor = AffineNoise(*model, int64_times=True)
    return diffusion_probes.diffusion_of(diffusion.Diffusion, predictor.lent, size, channels, timesteps), predictor


def seen_by(predictor: AffineNoise, t: Tensor) -> Tensor:
    """The images that the model saw last, after a look at the time indices that came with them."""
    seen = predictor.asked_last(t)
    if seen is None:
        raise CheckFailed("the model must be asked about the given time indices, one for each image")
    return seen


# diffusion.forward


@item("diffusion.forward", weight=1)
@given(examples=6, seed=seeds(), batch=st.integers(2, 6))
def test_the_loss_of_the_given_images_and_noise(diffusion, diffusion_probes, seed, batch):
    """The loss is that of the images and the noise that were given, at the times that were drawn."""
    images, noise = some_images(batch, 2, 6, seed), some_noise(batch, 2, 6, seed)
    model, predictor = built(diffusion, diffusion_probes)
    times_of(model, predictor, images, noise)


# diffusion.p_sample


@item("diffusion.p_sample", weight=1)
@given(examples=12, seed=seeds(), batch=st.integers(2, 4), spread=st.sampled_from([0.3, 1.0, 3.0]))
def test_the_last_step_is_the_estimate_of_the_image(diffusion, diffusion_probes, seed, batch, spread):
    """At index 0 nothing is random: what comes out follows from the prediction alone, within [-1, 1]."""
    model, _ = built(diffusion, diffusion_probes)
    images, t = spread * some_noise(batch, 2, 6, seed), torch.zeros(batch, dtype=torch.int64)
    predicted = MODEL[0] * images.double() + MODEL[2]
    due = clamped_p_sample_mean(TABLES, images, t, predicted)
    for _ in range(2):
        assert_close(model.p_sample(images, t, 0), due, scale=4.0)


INDICES = (1, 2, 5, 9, T - 2, T - 1)
TARGETS = (0.35, -0.6, 2.5, -1.9)
"""Estimates of x_0 before they are clamped, one for each image."""
SIZE = 42
# 2 * 42 * 42 = 3528 entries of each image at each index: a mean off by 0.2 and a standard deviation off by a fifth are
# seen in one alone (3515 are needed for 24 rows).
EFFECTS: Any = {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}
STEP_MODEL = (0.0, 0.5, 3.0)


def images_before(index: int) -> Tensor:
    """Images whose estimates of x_0 are the targets, given the prediction of `STEP_MODEL`; float32."""
    predicted = STEP_MODEL[1] * index + STEP_MODEL[2]
    signal, spread = TABLES.sqrt_alphas_cumprod[index], TABLES.sqrt_one_minus_alphas_cumprod[index]
    values = signal * torch.tensor(TARGETS, dtype=torch.float64) + spread * predicted
    return values.reshape(-1, 1, 1, 1).expand(-1, 2, SIZE, SIZE).float()


@item("diffusion.p_sample", weight=2)
def test_steps_at_other_indices(diffusion, diffusion_probes):
    """Elsewhere mean and variance are those of the posterior at this index, and the noise is fresh for each pixel."""
    rounds = []
    for _ in range(2):
        steps = []
        for index in INDICES:
            model, predictor = built(diffusion, diffusion_probes, size=SIZE, model=STEP_MODEL)
            images, t = images_before(index), torch.full((len(TARGETS),), index)
            step = assert_tensor(model.p_sample(images, t, index), shape=images.shape)
            if not torch.equal(seen_by(predictor, t), images):
                raise CheckFailed("p_sample must ask the model about the images as they came")
            predicted = torch.full(images.shape, STEP_MODEL[1] * index + STEP_MODEL[2])
            due = clamped_p_sample_mean(TABLES, images, t, predicted)
            steps.append((step.double() - due) / TABLES.posterior_variance[index].sqrt())
        rounds.append(torch.cat(steps))
    assert_standard_normal(rounds[0], name="the noise that is added", **EFFECTS)
    assert_independent(*rounds)


# diffusion.p_sample_loop


@item("diffusion.p_sample_loop", weight=2)
def test_the_way_back(diffusion, diffusion_probes):
    """All steps are taken in order, from the last index to 0, from the given noise; the result lies in [0, 1]."""
    for timesteps, batch in ((3, 3), (9, 1)):
        model, predictor = built(diffusion, diffusion_probes, size=SIZE, timesteps=timesteps)
        start = some_noise(batch, 2, SIZE, timesteps).tanh()
        result = assert_tensor(model.p_sample_loop(start), shape=start.shape)
        if predictor.times:  # the hand-in's own p_sample, or its own way to do without
            assert_chain(predictor, start, result, timesteps)
            continue
        due = start.double()
        for index in reversed(range(timesteps)):
            due = moved(due, index)
        assert_close(result, (due + 1) / 2, scale=1.0)


def assert_chain(predictor: AffineNoise, start: Tensor, result: Tensor, timesteps: int) -> None:
    """Raise `CheckFailed` unless the model saw a chain from ``start``, and the result is its end."""
    tables = Tables(1 - cosine_alphas(timesteps))
    images, times = predictor.images, predictor.times
    if [t.tolist() for t in times] != [[index] * len(start) for index in reversed(range(timesteps))]:
        raise CheckFailed("the model must be asked about every time index once, from the last to 0")
    if not torch.equal(images[0], start):
        raise CheckFailed("the chain must start from the noise that was given")
    steps = []
    for before, after, t in zip(images[:-1], images[1:], times[:-1], strict=True):
        due = clamped_p_sample_mean(tables, before, t, prediction(before, t))
        steps.append((after.double() - due) / at(tables.posterior_variance.sqrt(), t, before))
    assert_standard_normal(torch.stack(steps), name="the noise of the chain", **EFFECTS)
    last = predict_start(tables, images[-1], times[-1], prediction(images[-1], times[-1])).clamp(-1, 1)
    assert_close(result, (last + 1) / 2, scale=1.0)


def prediction(x: Tensor, t: Tensor) -> Tensor:
    """What the known model predicts, float64."""
    return MODEL[0] * x.double() + MODEL[1] * t.double().reshape(-1, 1, 1, 1) + MODEL[2]


# diffusion.sample


@item("diffusion.sample", weight=1)
def test_samples_start_from_noise_of_the_right_shape(diffusion, diffusion_probes):
    """Sampling starts from fresh standard normal noise, (batch_size, channels, image_size, image_size)."""
    for batch, channels, size in ((3, 1, 24), (2, 5, 18)):
        starts = []
        for _ in range(2):
            model, predictor = built(diffusion, diffusion_probes, size=size, channels=channels, timesteps=1)
            starts.append(start_of(model, predictor, batch, (batch, channels, size, size)))
        assert_standard_normal(starts[0], name="the noise at the start", mean_effect=0.3, std_effect=1.3)
        assert_independent(*starts)
