"""Questions 8 and 11 against truths in float64, with a model whose prediction is known."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.diffusion import at, q_sample
from hypothesis import strategies as st
from mit67960_hw5.checks.hidden.hw5_diffusion_stand_ins import TABLES, T, betas
from mit67960_hw5.checks.public.test_hw5_diffusion import (
    assert_times,
    number,
)
from torch.distributions import Independent, Normal, kl_divergence

from autograder.checks import AffineNoise, given, item, seeds, teach
from autograder.checks.closeness import assert_close, assert_gradients_close
from autograder.checks.strategies import noising_problems
from autograder.checks.tensor_assertions import assert_tensor

MODEL = (0.6, 0.005, -0.8)  # gain, tilt and bias of the known model


# q8.kl


@item("q8.kl", weight=1)
@given(examples=12, seed=seeds(), d=st.integers(2, 40), alpha_bar=st.sampled_from([0.03, 0.2, 0.45, 0.7, 0.9]))
def test_the_divergence_of_images_of_any_size(hw5, seed, d, alpha_bar):
    """The function agrees with the divergence of the two distributions, for any image, size and alpha_bar."""
    x0 = 2 * torch.randn(d, generator=torch.Generator().manual_seed(seed))
    level = torch.tensor(alpha_bar)
    mean, std = level.double().sqrt() * x0.double(), (1 - level.double()).sqrt().expand(d)
    q, p = Independent(Normal(mean, std), 1), Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    assert_close(number(hw5.kl_to_standard_normal(x0, level)), kl_divergence(q, p), scale=float(d))


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
