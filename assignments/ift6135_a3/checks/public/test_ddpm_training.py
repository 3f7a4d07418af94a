"""A network learns from the loss of the DDPM: a few pictures by heart, and then noise in new ones."""

from __future__ import annotations

from functools import partial

from autograder.checks import Training, ours
from autograder.concepts.diffusion_training import Diffusion, diffusion_training, digits_in_colours
from autograder.concepts.noise_schedule import LinearSchedule

TIMESTEPS = 1000


@diffusion_training(
    "ddpm.training",
    call="p_losses(denoise_model, x_start, t)",
    schedule=LinearSchedule(1e-4, 0.02, TIMESTEPS),
    pictures=digits_in_colours,
    network=partial(ours("ift6135_a3.provided.networks.Unet"), 16, dim_mults=(1, 2, 4)),
    training=Training(300, 32, 4e-3),
    distance="huber",
    error_below=0.4,  # the full Gaussian's denoiser is out of reach in so few steps
    samples_below=0.6,
    few=Training(100, 16, 5e-3),
    few_pictures=16,
    few_below=0.35,
)
def test_training(ddpm_solution, networks, ddpm_training_probes, model):
    network = networks.Unet(8, dim_mults=(1, 2)) if model is None else model
    learner = ddpm_training_probes.trainee(ddpm_solution.p_losses, ddpm_solution.t_sample, network, TIMESTEPS)
    return Diffusion(learner, noised=ddpm_solution.q_sample)
