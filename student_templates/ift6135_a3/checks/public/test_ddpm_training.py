"""The quickest sign that a DDPM learns: it can learn a few pictures by heart."""

from __future__ import annotations

import torch

from autograder.checks import assert_tensor, item
from autograder.checks.handwriting import coloured_digits
from autograder.checks.training import Criterion, assert_learned

IMAGES = 16
STEPS = 100
TIMESTEPS = 1000
ERROR = 0.35
"""Mean squared error of the predicted noise, averaged over all time indices; always predicting 0 gives 1."""


@item("ddpm.training", weight=1)
def test_a_few_pictures_learned_by_heart(ddpm_solution, networks, ddpm_training_probes):
    """100 steps on your loss, for sixteen pictures, and a small U-Net predicts much of fresh noise in them."""
    generator = torch.Generator().manual_seed(0)
    images = coloured_digits(16, generator=generator).images[:IMAGES]
    model = ddpm_training_probes.overfit(
        ddpm_solution.p_losses,
        ddpm_solution.t_sample,
        networks.Unet(8, dim_mults=(1, 2)),
        images,
        TIMESTEPS,
        STEPS,
        5e-3,
    )
    noise = torch.randn((4 * IMAGES, 3, 16, 16), generator=generator)
    t = torch.arange(4 * IMAGES) * TIMESTEPS // (4 * IMAGES)
    noisy = assert_tensor(ddpm_solution.q_sample(images.repeat(4, 1, 1, 1), t, noise), shape=noise.shape, name="x_t")
    predicted = assert_tensor(model(noisy, t), shape=noise.shape, name="the predicted noise")
    error = float((predicted - noise).double().square().mean())
    assert_learned([Criterion("error of the predicted noise", error, ERROR)], "the DDPM")
