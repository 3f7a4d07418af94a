"""q_sample, p_losses and t_sample against float64 truths."""

from __future__ import annotations

from typing import Any

import torch
from autograder_proofs.oracles.diffusion import Tables, at, huber_mean, linear_betas
from ift6135_a3.checks.public.test_ddpm_forward import known_model
from torch import Tensor

from autograder.checks import AffineNoise, CheckFailed, given, item, teach
from autograder.checks.closeness import assert_close, assert_gradients_close
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.strategies import NoisingProblem, noising_problems
from autograder.checks.tensor_assertions import assert_tensor
from autograder.checks.uniformity import assert_uniform_integers

T = 1000
TABLES = Tables(linear_betas(1e-4, 0.02, T))
MIXED = torch.tensor([998, 0, 371, 1, T - 1, 640])
# Of each of the 6 images, 3 * 35 * 36 = 3780 entries: enough to see in one image alone a mean off by 0.2 and a standard
# deviation off by a fifth (3372 are needed).
SHAPE, EFFECTS = (6, 3, 35, 36), {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}
# Of the noise at index 0, a hundredth enters the image, next to a signal of size 1: 1 - alphas_cumprod is 1e-4 and is
# off by 2 * 2**-24 in float32, so the noise by 6e-4 of itself; a loss changes at most as much as the noise.
LOSS_SCALE = 6e-4 * 2.0**14
MODEL = (0.6, 3.0, -1.2)  # gain, tilt and bias: its errors are below 1 at some entries, above 1 at others


@item("ddpm.p_losses", weight=1.5)
@given(examples=6, problem=noising_problems(T))
def test_loss_and_its_gradient(ddpm_solution: Any, problem: NoisingProblem) -> None:
    """The loss compares the prediction for the noisy images with the noise in them, and trains the model."""
    model = known_model(*MODEL)
    loss = assert_tensor(ddpm_solution.p_losses(model.lent, problem.images, problem.t), shape=(), name="the loss")
    seen = _seen(model, problem.images, problem.t)
    parameters = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in MODEL]
    gain, tilt, bias = parameters
    predicted = gain * seen.double() + at(tilt * problem.t / 1000, torch.arange(len(seen)), seen) + bias
    distance = (predicted - _noise_in(seen, problem.images, problem.t)).abs()
    due = torch.where(distance < 1, distance**2 / 2, distance - 0.5).mean()
    assert_close(loss, huber_mean(predicted.detach(), _noise_in(seen, problem.images, problem.t)), scale=LOSS_SCALE)
    arriving = teach(loss, [model.gain, model.tilt, model.bias])
    names = ["the model's gain", "the model's tilt", "the model's bias"]
    # The derivative of the prediction by each parameter is at most about 4 (the noisy image, a time, 1).
    assert_gradients_close(arriving, torch.autograd.grad(due, parameters), names, of="the loss", scale=4 * LOSS_SCALE)


@item("ddpm.p_losses", weight=0.5)
def test_noise_of_the_loss(ddpm_solution: Any) -> None:
    """The noise is standard normal, and fresh in every call, for each image and each pixel."""
    images, noise = _images(), []
    model = known_model(*MODEL)
    for _ in range(2):
        assert_tensor(ddpm_solution.p_losses(model.lent, images, MIXED), shape=(), name="the loss")
        noise.append(_noise_in(_seen(model, images, MIXED), images, MIXED))
    assert_standard_normal(noise[0], **EFFECTS)
    assert_independent(*noise)


@item("ddpm.t_sample", weight=1)
def test_all_time_indices_are_reached(ddpm_solution: Any) -> None:
    """For 1000 steps and for other numbers, int64 indices are uniform from 0 to the last, and fresh in every call."""
    for timesteps, batch_size in ((T, 12_000), (17, 4_000)):
        draws = [ddpm_solution.t_sample(timesteps, batch_size) for _ in range(2)]
        drawn = [assert_tensor(draw, shape=(batch_size,), dtypes=(torch.int64,)) for draw in draws]
        assert_uniform_integers(torch.stack(drawn), 0, timesteps - 1, distance=0.1)


def _images() -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(3)) * 2 - 1


def _noise_in(noisy: Tensor, images: Tensor, t: Tensor) -> Tensor:
    """The noise in noisy images, in float64."""
    clean = at(TABLES.sqrt_alphas_cumprod, t, images) * images.double()
    return (noisy.double() - clean) / at(TABLES.sqrt_one_minus_alphas_cumprod, t, images)


def _seen(model: AffineNoise, images: Tensor, t: Tensor) -> Tensor:
    """The images that the model saw last, after a look at the time indices that came with them."""
    seen = model.asked_last(t)
    if seen is None:
        raise CheckFailed("the model must be asked about the given time indices, one for each image")
    return assert_tensor(seen, shape=images.shape, name="the model's input")
