"""Questions 8 and 11, with a model whose prediction is known; numbers are stored here. T is 200."""

from __future__ import annotations

import numpy as np
import torch

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    item,
    teach,
)
from autograder.concepts.forward_noising import LinearSchedule, forward_noising
from autograder.concepts.reverse_loop import replace_step, reverse_loop
from autograder.concepts.reverse_step import AncestralStep, StoredStep, reverse_step

T = 200
# Computed in float64. At each index an image is multiplied by SIGNAL, noise by SPREAD.
INDICES = (0, 1, 4, 49, 120, 199)
SIGNAL = (0.999749969, 0.999249969, 0.996253593, 0.725084411, 0.152012213, 0.0055062121)
SPREAD = (0.0223606798, 0.038723378, 0.0864799289, 0.688660001, 0.988378615, 0.999984841)
# Some betas, by index, of schedules of 40 and of 200 steps.
BETAS = {
    40: {0: 0.0025, 1: 0.0152564103, 10: 0.130064103, 39: 0.5},
    200: {0: 0.0005, 1: 0.001, 100: 0.0505, 199: 0.1},
}


def some_images(batch, channels, size, seed=0):
    """Images (batch, channels, size, size) with values in [-1, 1]."""
    return torch.rand(batch, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def some_noise(batch, channels, size, seed=0):
    """Noise (batch, channels, size, size)."""
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(seed + 1))


def scaled(factors, images):
    """Multiply each image by its own factor, in float64."""
    return torch.einsum("b,bchw->bchw", torch.as_tensor(factors, dtype=torch.float64), images.double())


# q8.kl


def number(value):
    """One number, as a tensor of shape ()."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.array(value))
    if isinstance(value, torch.Tensor):
        return value.reshape(()) if value.shape == (1,) else value
    return torch.tensor(value, dtype=torch.float64) if type(value) is float else value


@item("q8.kl", weight=1)
def test_the_divergence_is_a_mean_of_log_ratios(hw5):
    """The KL divergence is the Monte-Carlo mean of log q(x_T|x_0) - log p(x_T); the noise leaves no error in it."""
    for d, alpha_bar in ((3, 0.6), (7, 0.25)):
        x0 = torch.randn(d, generator=torch.Generator().manual_seed(d))
        level = torch.tensor(alpha_bar)
        q = DiagonalGaussian((level.sqrt() * x0)[None], torch.log1p(-level).expand(1, d).clone())
        due = q.log_ratio_to_standard_normal.mean(0)[0]
        assert_close(number(hw5.kl_to_standard_normal(x0, level)), due, name="the divergence", scale=float(d))


# q11.diffusion.linear_beta_schedule


@item("q11.diffusion.linear_beta_schedule", weight=1)
def test_betas_of_40_and_of_200_steps(hw5):
    """There are T betas at equal distances; the first, the second, one in the middle and the last are stored here."""
    for timesteps, known in BETAS.items():
        name = f"linear_beta_schedule({timesteps})"
        betas = assert_tensor(hw5.linear_beta_schedule(timesteps), shape=(timesteps,), name=name)
        due = torch.tensor(list(known.values()), dtype=torch.float64)
        assert_close(betas[list(known)], due, name=f"{name} at the indices {list(known)}", scale=0.0)
        steps = ((due[-1] - due[0]) / (timesteps - 1)).expand(timesteps - 1)
        assert_close(betas.double().diff(), steps, name=f"the distance of neighbours in {name}", scale=0.5)


# q11.diffusion.q_sample

STORED = {index: [(signal, spread)] for index, signal, spread in zip(INDICES, SIGNAL, SPREAD, strict=True)}


@forward_noising(
    "q11.diffusion.q_sample",
    call="q_sample(x_0, t, noise)",
    schedule=LinearSchedule(5e-4, 0.1, 200),
    stored=STORED,
    channels=2,
)
def test_q_sample(hw5, x_0, t, noise):
    return hw5.q_sample(x_0, t) if noise is None else hw5.q_sample(x_0, t, noise)


# q11.diffusion.p_losses


@item("q11.diffusion.p_losses", weight=1)
def test_the_price_of_a_known_error(hw5):
    """A model that always predicts 0.5 pays the mean squared distance of the noise from 0.5; its gradient arrives."""
    images, noise, t = some_images(6, 2, 6), some_noise(6, 2, 6), torch.tensor(INDICES)
    for bias in (0.5, -2.0):
        predictor = AffineNoise(0.0, 0.0, bias)
        loss = hw5.p_losses(predictor.lent, images, t, noise)
        assert_close(loss, (noise.double() - bias).square().mean(), name=f"the loss of a model that predicts {bias}")
        assert_times(predictor, t)
        (arriving,) = teach(loss, [predictor.bias])
        if arriving is None:
            raise CheckFailed("no gradient of the loss reaches the model")
        due = 2 * (bias - noise.double()).mean()
        assert_close(arriving, due, name="the gradient of the loss with respect to the prediction", scale=1.0)


@item("q11.diffusion.p_losses", weight=1)
def test_the_noise_to_predict_is_the_noise_that_was_added(hw5):
    """Without noise given, p_losses draws its own: standard normal, new at every call, the same in x_t and the loss."""
    images, t, draws = some_images(6, 1, 24), torch.tensor(INDICES).clamp_min(4), []
    spread, signal = (torch.tensor(table, dtype=torch.float64) for table in (SPREAD, SIGNAL))
    rows = torch.tensor([2, 2, 2, 3, 4, 5])  # of INDICES: early on, float32 does not know the noise well
    for _ in range(2):
        predictor = AffineNoise(0.0, 0.0, 0.25)
        loss = assert_tensor(hw5.p_losses(predictor.lent, images, t), shape=(), name="p_losses(model, x_0, t)")
        x_t = assert_times(predictor, t)
        noise = scaled(1 / spread[rows], x_t - scaled(signal[rows], images))
        assert_close(loss, (noise - 0.25).square().mean(), name="the loss, next to the noise that went into x_t,")
        draws.append(noise)
    assert_standard_normal(draws[0], name="the noise that p_losses draws")
    assert_independent(*draws, name="the noise of two calls of p_losses")


def assert_times(predictor, t):
    """Raise `CheckFailed` unless the model was asked about the times that were given; return the images it saw."""
    images = predictor.asked_last(t)
    if images is None:
        raise CheckFailed("the model must be asked about the time indices t as they are, one for each image")
    return images


# q11.diffusion.p_sample, q11.diffusion.p_sample_loop

RULE = AncestralStep(LinearSchedule(5e-4, 0.1, T))
STEPS = (
    StoredStep(0, 2.0, {0.8: 0.755467531, -1.3: -1.34505767}),
    StoredStep(0, 40.0, {2.5: 1.60597435, -4: -4.89565126}),
    StoredStep(1, 20.0, {0.8: 0.283657997, -1.3: -1.81739279}, 0.0182604622),
    StoredStep(20, 40.0, {2: 0.734340453, -3: -4.29211809}, 0.0979460175),
    StoredStep(120, 60.0, {5: 1.3693886, 3: -0.694002742}, 0.245780072),
    StoredStep(199, 75.0, {11: 3.68920409, -2: -10.0139991}, 0.316227233),
)


@reverse_step("q11.diffusion.p_sample", call="p_sample(model, x, t, t_index)", rule=RULE, stored=STEPS, rounding=4.0)
def test_p_sample(hw5, model, x, t):
    return hw5.p_sample(model, x, torch.full((len(x),), t), t)


@reverse_loop(
    "q11.diffusion.p_sample_loop",
    call="p_sample_loop(model, shape)",
    names=("model", "p_sample", "shape"),
    rule=lambda timesteps: RULE,
    timesteps=(T,),
    example=(2, None, None),
    returns="all",
    lists=True,
)
def test_p_sample_loop(hw5, model, step, shape):
    replace_step(hw5.p_sample, step)
    return hw5.p_sample_loop(model, shape)
