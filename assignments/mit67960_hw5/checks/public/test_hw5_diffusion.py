"""Questions 8 and 11, with a model whose prediction is known; numbers are stored here. T is 200."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st

from autograder.checks import (
    CheckFailed,
    Reduction,
    Training,
    ours,
)
from autograder.concepts.diffusion_training import Diffusion, diffusion_training, grey_digits
from autograder.concepts.forward_noising import forward_noising
from autograder.concepts.gaussian_kl import gaussian_kl
from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import LinearSchedule, noise_schedule
from autograder.concepts.reverse_loop import replace_step, reverse_loop
from autograder.concepts.reverse_step import AncestralStep, StoredStep, reverse_step

T = 200
# Computed in float64: the factors of image and noise at some indices.
STORED = {
    0: [(0.999749969, 0.0223606798)],
    1: [(0.999249969, 0.038723378)],
    4: [(0.996253593, 0.0864799289)],
    49: [(0.725084411, 0.688660001)],
    120: [(0.152012213, 0.988378615)],
    199: [(0.0055062121, 0.999984841)],
}
# Some betas, by index, of schedules of 40 and of 200 steps.
BETAS = {
    40: {0: 0.0025, 1: 0.0152564103, 10: 0.130064103, 39: 0.5},
    200: {0: 0.0005, 1: 0.001, 100: 0.0505, 199: 0.1},
}


def some_noise(batch, channels, size, seed=0):
    """Noise (batch, channels, size, size)."""
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(seed + 1))


# q8.kl


def number(value):
    """One number, as a tensor of shape ()."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.array(value))
    if isinstance(value, torch.Tensor):
        return value.reshape(()) if value.shape == (1,) else value
    return torch.tensor(value, dtype=torch.float64) if type(value) is float else value


@gaussian_kl(
    "q8.kl",
    call="kl_to_standard_normal(x0, alpha_bar)",
    isotropic=True,
    over_rows=Reduction.SUM,
    gradients=False,
)
def test_kl_to_standard_normal(hw5, mean, logvar):
    alpha_bar = -torch.expm1(logvar[0, 0])
    return number(hw5.kl_to_standard_normal(mean[0] / alpha_bar.sqrt(), alpha_bar))


# q11.diffusion.linear_beta_schedule


def schedule_of(timesteps):
    """The schedule of this many steps."""
    return LinearSchedule(0.1 / timesteps, 20 / timesteps, timesteps)


@noise_schedule(
    "q11.diffusion.linear_beta_schedule",
    call="linear_beta_schedule(timesteps)",
    betas="linear_beta_schedule(timesteps)",
    schedule=st.integers(25, 1000).map(schedule_of),
    stored={schedule_of(timesteps): {"betas": numbers} for timesteps, numbers in BETAS.items()},
    formula=": betas at equal distances, both ends of which depend on T",
    weights={"stored_entries": 1},
)
def test_linear_beta_schedule(hw5, schedule):
    return hw5.linear_beta_schedule(schedule.timesteps)


# q11.diffusion.q_sample


@forward_noising(
    "q11.diffusion.q_sample",
    call="q_sample(x_0, t, noise)",
    schedule=schedule_of(T),
    stored=STORED,
    channels=2,
)
def test_q_sample(hw5, x_0, t, noise):
    return hw5.q_sample(x_0, t) if noise is None else hw5.q_sample(x_0, t, noise)


# q11.diffusion.p_losses


@noise_prediction_loss(
    "q11.diffusion.p_losses",
    call="p_losses(model, x_0, t, noise)",
    names=("x_0", "t", "noise"),
    schedule=schedule_of(T),
    stored=STORED,
    channels=2,
    distance="squared",
    prices={0.5: (0.25, 1.0), -2.0: (4.0, -4.0)},
    draws=True,
)
def test_p_losses(hw5, model, x_0, t, noise):
    return hw5.p_losses(model, x_0, t) if noise is None else hw5.p_losses(model, x_0, t, noise)


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


# q11.diffusion.training


@diffusion_training(
    "q11.diffusion.training",
    call="p_losses(model, x_0, t)",
    schedule=schedule_of(T),
    pictures=grey_digits,
    network=partial(ours("mit67960_hw5.checks.public.hw5_networks.SmallDenoiser"), T),
    training=Training(200, 32, 4e-3),
    error_below=0.7,
    few=Training(100, 32, 4e-3),
    few_below=0.6,
)
def test_training(hw5, hw5_networks, hw5_training_probes, model):
    network = hw5_networks.SmallDenoiser(T) if model is None else model
    return Diffusion(hw5_training_probes.denoiser(network, hw5.p_losses, T), noised=hw5.q_sample)
