"""The autoencoder, untrained: differentiable, one image at a time, and nothing but its code between its halves."""

from __future__ import annotations

import torch
from mit6s978_ps1.checks.public.test_pset1_models import (
    codes_of,
    images_of,
    pictures,
    several,
    tensors_of,
)

from autograder.checks import CheckFailed, assert_close, assert_every_input_counts, assert_seen, item

SIZES = (30, [64, 40, 28, 2])
MODELS = 8


@item("p1.autoencoder", weight=0.5)
def test_every_pixel_has_a_say(pset1, pset1_probes):
    """All is differentiable; every pixel has a say in what comes back, by way of a code of two numbers."""
    models, x = several(pset1_probes, pset1.AE, SIZES, MODELS), pictures(16, SIZES[0]).requires_grad_()
    codes_of(pset1_probes, several(pset1_probes, pset1.AE, SIZES, 2), x.detach())
    name = 'forward(x)["imgs"]'
    seen = [assert_every_input_counts(images, x, name) for images in images_of(models, x)]
    assert_seen(torch.stack(seen).any(0), 1.0, name)


@item("p1.autoencoder", weight=0.5)
def test_an_image_is_its_own_business(pset1, pset1_probes):
    """In evaluation mode an image comes back alike alone and in a batch, from a code of two numbers alone."""
    models, x = several(pset1_probes, pset1.AE, SIZES, 4), pictures(5, SIZES[0])
    together = tensors_of(images_of(models, x), 4, x.shape, 'forward(x)["imgs"]')
    alone = tensors_of(images_of(models, x[2:3]), 4, (1, SIZES[0]), 'forward(x)["imgs"] of one image')
    spread = 0.0
    for batch, single in zip(together, alone, strict=True):
        assert_close(single, batch[2:3], name="the image that came alone", scale=1.0)
        spread = max(spread, float((batch - batch[:1]).abs().max()))
    if spread == 0:
        raise CheckFailed("all images come back as the same one")
    codes_of(pset1_probes, models, x)
