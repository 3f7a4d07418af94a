"""The contract on losses that draw all themselves, on one that is given times, and on one of velocities."""

from __future__ import annotations

import torch
from torch.nn.functional import interpolate

from autograder.checks import Training, ours
from autograder.concepts.diffusion_training import Diffusion, diffusion_training
from autograder.concepts.noise_schedule import LinearSchedule

SCHEDULE = LinearSchedule(1e-3, 0.1, 100)


def spots(generator, held_out):
    """Blurred spots (n, 1, 8, 8) in [-1, 1]: what one pixel shows, its neighbours show as well."""
    spots = torch.randn(200 if held_out else 1000, 1, 2, 2, generator=generator)
    return interpolate(spots, size=(8, 8), mode="bilinear", align_corners=False).tanh()


DENOISER = ours("autograder_proofs.diffusion_training.proof.checks.public.losses_probes.SmallDenoiser")


@diffusion_training(
    "squared",
    call="squared_loss(model, x)",
    schedule=SCHEDULE,
    pictures=spots,
    network=DENOISER,
    training=Training(300, 32, 5e-3),
    error_below=0.8,
    samples_below=0.6,
    few=Training(150, 32, 5e-3),
    few_below=0.6,
)
def test_squared_loss(losses, losses_probes, model):
    network = losses_probes.SmallDenoiser() if model is None else model
    return Diffusion(losses_probes.squared(losses.squared_loss, network), noised=losses.noised)


@diffusion_training(
    "absolute",
    call="absolute_loss(model, x, t)",
    schedule=SCHEDULE,
    pictures=spots,
    network=DENOISER,
    training=Training(300, 32, 5e-3),
    distance="absolute",
    error_below=0.95,
    few=Training(150, 32, 5e-3),
    few_distance="absolute",
    few_below=0.6,
)
def test_absolute_loss(losses, losses_probes, model):
    network = losses_probes.SmallDenoiser() if model is None else model
    return Diffusion(losses_probes.absolute(losses.absolute_loss, network), noised=losses.noised)


@diffusion_training(
    "velocity",
    call="velocity_loss(model, x)",
    schedule=SCHEDULE,
    first_time=1,
    parametrisation="v",
    pictures=spots,
    network=DENOISER,
    training=Training(300, 32, 5e-3),
    error_below=0.8,
    few=Training(150, 32, 5e-3),
    few_below=0.6,
)
def test_velocity_loss(losses, losses_probes, model):
    network = losses_probes.SmallDenoiser() if model is None else model
    return Diffusion(
        losses_probes.squared(losses.velocity_loss, network),
        noised=lambda x, t, noise: losses.noised(x, t - 1, noise),
    )
