"""The autoencoder, untrained: differentiable, one image at a time, and nothing but its code between its halves."""

from __future__ import annotations

import torch
from mit6s978_ps1.checks.public.test_pset1_models import (
    codes_of,
    decoded,
    images_of,
    noise,
    pictures,
    several,
    tensors_of,
)

from autograder.checks import CheckFailed, assert_close, assert_tensor, gradients, item

SIZES = (30, [64, 40, 28, 2])
MODELS = 8


def assert_every_input_counts(outputs, inputs, width, name):
    """Raise `CheckFailed` where an input has no influence on any row's output, in any of some models."""
    silent = torch.ones(inputs.shape[1], dtype=torch.bool)
    for output in outputs:
        output = assert_tensor(output, shape=(len(inputs), width), name=name)
        (found,) = gradients(output, [inputs], noise(*output.shape, seed=3).to(output.dtype))
        if found is None:
            raise CheckFailed(f"{name} cannot be trained: no gradient passes through it")
        silent &= (found == 0).all(0)
    if bool(silent.any()):
        raise CheckFailed(f"{name} does not look at {int(silent.sum())} of its {len(silent)} inputs")


@item("p1.autoencoder", weight=1)
def test_every_pixel_and_every_code_has_a_say(pset1, pset1_probes):
    """All is differentiable; every pixel has a say in what comes back, and every number of a code in its image."""
    models = several(pset1_probes, pset1.AE, SIZES, MODELS)
    x, z = pictures(16, SIZES[0]).requires_grad_(), (2 * noise(16, 2)).requires_grad_()
    assert_every_input_counts(images_of(models, x), x, SIZES[0], 'forward(x)["imgs"]')
    assert_every_input_counts(decoded(models, z), z, SIZES[0], "decode(z)")


@item("p1.autoencoder", weight=1)
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
