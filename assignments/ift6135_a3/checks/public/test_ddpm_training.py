"""The quickest sign that a DDPM learns: it can learn a few pictures by heart."""

from __future__ import annotations

import torch

from autograder.checks import (
    Criterion,
    assert_learned,
    assert_tensor,
    coloured_digits,
    item,
    reported_losses,
    show_curves,
    show_images,
)

IMAGES = 16
STEPS = 100
TIMESTEPS = 1000
ERROR = 0.35
"""Mean squared error of the predicted noise, averaged over all time indices; always predicting 0 gives 1."""


def cleaned(images, noise, noisy, predicted):
    """Rows of pictures at growing noise, and what is left when the predicted noise is taken out of them."""
    chosen = torch.arange(0, len(images) // 2 + 1, len(images) // 16)  # up to the middle: little is left after that
    rows = [part[chosen].detach().float() for part in (images, noise, noisy, predicted)]
    mixed = torch.stack([rows[0].flatten(1), rows[1].flatten(1)], dim=2)
    shares = torch.linalg.lstsq(mixed, rows[2].flatten(1)[..., None]).solution[..., 0]  # of picture and noise in x_t
    signal, sigma = (share[:, None, None, None] for share in shares.unbind(1))
    return {"pictures": rows[0], "noised": rows[2], "cleaned": (rows[2] - sigma * rows[3]) / signal}


@item("ddpm.training", weight=1)
def test_a_few_pictures_learned_by_heart(ddpm_solution, networks, ddpm_training_probes):
    """100 steps on your loss, for sixteen pictures, and a small U-Net predicts much of fresh noise in them."""
    generator = torch.Generator().manual_seed(0)
    images = coloured_digits(16, generator=generator).images[:IMAGES]
    model, losses = ddpm_training_probes.overfit(
        ddpm_solution.p_losses,
        ddpm_solution.t_sample,
        networks.Unet(8, dim_mults=(1, 2)),
        images,
        TIMESTEPS,
        STEPS,
        5e-3,
    )
    show_curves("Loss while sixteen pictures are learned", {"p_losses": reported_losses(losses)}, x="step")
    noise = torch.randn((4 * IMAGES, 3, 16, 16), generator=generator)
    t = torch.arange(4 * IMAGES) * TIMESTEPS // (4 * IMAGES)
    noisy = assert_tensor(ddpm_solution.q_sample(images.repeat(4, 1, 1, 1), t, noise), shape=noise.shape, name="x_t")
    predicted = assert_tensor(model(noisy, t), shape=noise.shape, name="the predicted noise")
    show_images("What is left of the noise", cleaned(images.repeat(4, 1, 1, 1), noise, noisy, predicted))
    error = float((predicted - noise).double().square().mean())
    assert_learned([Criterion("error of the predicted noise", error, ERROR)], "the DDPM")
