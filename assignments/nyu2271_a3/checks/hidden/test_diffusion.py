"""Part B against truths in float64, with a model whose prediction is known."""

from __future__ import annotations

from typing import Any

import torch
from autograder_proofs.forward_noising.properties import assert_noisy
from autograder_proofs.oracles.diffusion import (
    Tables,
    at,
    cosine_alphas,
    q_sample,
)
from hypothesis import strategies as st
from nyu2271_a3.checks.public.test_diffusion import loss_of, some_images, some_noise, start_of, times_of
from torch import Tensor

from autograder.checks import AffineNoise, CheckFailed, assert_uniform_integers, given, item, seeds, teach
from autograder.checks.closeness import assert_close, assert_gradients_close
from autograder.checks.normality import assert_independent, assert_standard_normal
from autograder.checks.strategies import NoisingProblem, noising_problems
from autograder.checks.tensor_assertions import assert_tensor
from autograder.concepts.forward_noising import CosineSchedule

T = 14
TABLES = Tables(1 - cosine_alphas(T))
MODEL = (0.6, 0.1, -0.8)  # gain, tilt and bias of the known model
# 1 - alphas_cumprod is 0.014 at index 0; float32 code is off by 2**-23 of 1 there, so what is divided by its root by
# 1e-5 of itself, within the tolerance of assert_close twice over. At the last index alphas_cumprod is 1e-5.


def built(diffusion: Any, diffusion_probes: Any, *, size: int = 6, channels: int = 2, timesteps: int = T, model=MODEL):
    """A Diffusion of the hand-in around a known model, and that model."""
    predictor = AffineNoise(*model, int64_times=True)
    return diffusion_probes.diffusion_of(diffusion.Diffusion, predictor.lent, size, channels, timesteps), predictor


# diffusion.schedule


@item("diffusion.schedule", weight=2)
@given(examples=12, timesteps=st.integers(5, 120), s=st.sampled_from([0.008, 0.03, 0.1, 0.25]))
def test_alphas_for_any_length_and_offset(diffusion, timesteps, s):
    """For every T and s there are T alphas, the ratios of neighbours on the curve, clipped at both ends."""
    assert_close(diffusion.cosine_schedule(timesteps, s), cosine_alphas(timesteps, s))


@item("diffusion.schedule", weight=1)
def test_alphas_with_the_default_offset(diffusion):
    """Without s, its value is that of the handout; T = 50 and T = 1000 are right everywhere."""
    for timesteps in (50, 1000):
        assert_close(diffusion.cosine_schedule(timesteps), cosine_alphas(timesteps))


def mixed(problem: NoisingProblem) -> Tensor:
    """x_t in float64, by the product of the clipped alphas."""
    return q_sample(TABLES, problem.images, problem.t, problem.noise)


# diffusion.p_losses


@item("diffusion.p_losses", weight=2)
@given(examples=8, problem=noising_problems(T, channels=2))
def test_loss_and_its_gradient(diffusion, diffusion_probes, problem):
    """The loss is the average distance of the prediction for the noisy images from the noise, and trains the model."""
    model, predictor = built(diffusion, diffusion_probes)
    loss = loss_of(model)(problem.images, problem.t, problem.noise)
    assert_tensor(loss, shape=(), name="the loss")
    x_t = assert_tensor(seen_by(predictor, problem.t), shape=problem.images.shape, name="the model's input")
    assert_noisy(x_t, problem, CosineSchedule(T))
    parameters = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in MODEL]
    gain, tilt, bias = parameters
    predicted = gain * x_t.double() + at(tilt * torch.arange(T), problem.t, x_t) + bias
    due = (predicted - problem.noise.double()).abs().mean()
    assert_close(loss, due.detach(), name="the loss")
    arriving = teach(loss, [predictor.gain, predictor.tilt, predictor.bias])
    names = [f"the model's {name}" for name in ("gain", "tilt", "bias")]
    assert_gradients_close(arriving, torch.autograd.grad(due, parameters), names, of="the loss", scale=float(T))


def seen_by(predictor: AffineNoise, t: Tensor) -> Tensor:
    """The images that the model saw last, after a look at the time indices that came with them."""
    seen = predictor.asked_last(t)
    if seen is None:
        raise CheckFailed("the model must be asked about the given time indices, one for each image")
    return seen


# diffusion.forward


@item("diffusion.forward", weight=2)
def test_all_times_are_reached(diffusion, diffusion_probes):
    """The time indices are int64, uniform from 0 to T - 1, drawn for each image and in every call."""
    for timesteps, batch in ((T, 6000), (170, 9000)):
        draws = []
        for call in range(2):
            model, predictor = built(diffusion, diffusion_probes, size=1, channels=1, timesteps=timesteps)
            draws.append(times_of(model, predictor, some_images(batch, 1, 1, call), some_noise(batch, 1, 1, call)))
        assert_uniform_integers(torch.stack(draws), 0, timesteps - 1, distance=0.1)


@item("diffusion.forward", weight=1)
@given(examples=6, seed=seeds(), batch=st.integers(2, 6))
def test_the_loss_of_the_given_images_and_noise(diffusion, diffusion_probes, seed, batch):
    """The loss is that of the images and the noise that were given, at the times that were drawn."""
    images, noise = some_images(batch, 2, 6, seed), some_noise(batch, 2, 6, seed)
    model, predictor = built(diffusion, diffusion_probes)
    times_of(model, predictor, images, noise)


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
