"""Question 4 against closed forms in float64, with other sizes, and with gradients."""

from __future__ import annotations

import torch
from mit67960_hw5.checks.public.test_hw5_vae import (
    KnownMethods,
    assert_decodes,
    assert_encodes,
    heads_of,
    images_of,
    normal,
    pictures,
)

from autograder.checks import (
    CheckFailed,
    as_taken,
    assert_close,
    assert_gradients_close,
    assert_tensor,
    exceeds,
    falls_below,
    gradients,
    item,
)

OTHER_SIZE = 20
"""Like 28 it is 4 more than a multiple of 8, so networks that halve it fit as they fit 28."""
SEEN = 0.85
"""Part of the pixels that must count: strided convolutions may leave out rows and columns at the border."""
MODELS = 6


# q4.vae.encode


@item("q4.vae.encode", weight=1)
def test_heads_can_have_any_sign(hw5, hw5_probes):
    """A mean can be negative or positive, and a log-variance negative: neither is squashed nor exponentiated."""
    found = []
    for seed in range(MODELS):
        model = hw5_probes.perturbed(hw5_probes.made(hw5.VAE, 7), seed)
        found.append(torch.stack(heads_of(model, pictures(8, seed=seed), 7)).detach())
    mu, logvar = torch.stack(found, dim=1)
    if exceeds(mu.min(), -1e-9) or falls_below(mu.max(), 1e-9):
        raise CheckFailed("mu has one sign in every model and for every image")
    if exceeds(logvar.min(), -1e-9):
        raise CheckFailed("logvar is never negative, in any model or for any image")


@item("q4.vae.encode", weight=1)
def test_the_encoder_can_be_trained(hw5, hw5_probes):
    """Gradients pass through encode to all of the image, and its weights belong to the model's parameters."""
    model = hw5_probes.made(hw5.VAE, 5)
    x = as_taken(model.encode, pictures(16)).requires_grad_()
    heads = heads_of(model, x, 5)
    for part, name in zip(heads, ("mu", "logvar"), strict=True):
        found = gradients(part, [x], normal(16, 5, seed=3).to(part.dtype))[0]
        if found is None:
            raise CheckFailed(f"no gradient of {name} reaches the image: it was cut off on the way")
    for seed in (1, 2):  # where layers begin with zeros, no gradient passes yet
        moved = hw5_probes.perturbed(model, seed)
        others = heads_of(moved, x, 5)
        for part, other, name in zip(heads, others, ("mu", "logvar"), strict=True):
            if bool((part == other).any()):
                raise CheckFailed(f"{name} stays where it is when the model's parameters change")
            found = gradients(other, [x], normal(16, 5, seed=3).to(other.dtype))[0]
            seen = float(found.flatten(1).nan_to_num().ne(0).any(0).double().mean()) if found is not None else 0.0
            if falls_below(seen, SEEN):
                raise CheckFailed(f"{name} looks at a part of the image only", got=f"{seen:.0%} of its pixels")


@item("q4.vae.encode", weight=0.5)
def test_images_of_another_size_are_encoded(hw5, hw5_probes):
    """image_size is the size of the images: another one than 28 works, too, and each image is encoded by itself."""
    model = hw5_probes.perturbed(hw5_probes.made(hw5.VAE, 3, OTHER_SIZE), 1)
    x = pictures(4, OTHER_SIZE)
    assert_encodes(model, x, 3)
    whole = heads_of(model, x, 3)
    alone = heads_of(model, x[1:2], 3)
    for part, other, name in zip(alone, whole, ("mu", "logvar"), strict=True):
        assert_close(part, other[1:2].double(), name=f"the {name} of one image alone", scale=1.0)


# q4.vae.decode


@item("q4.vae.decode", weight=1)
def test_the_decoder_can_be_trained(hw5, hw5_probes):
    """Gradients pass through decode to every latent variable, and its weights belong to the model's parameters."""
    model, z = hw5_probes.made(hw5.VAE, 9), normal(16, 9).requires_grad_()
    images = images_of(model.decode(z), z, 28)
    for seed in (1, 2):
        other = assert_tensor(hw5_probes.perturbed(model, seed).decode(z), shape=images.shape, name="decode(z)")
        if exceeds((other.double() == images).double().mean(), 0.5):
            raise CheckFailed("decode(z) stays where it is when the model's parameters change")
        found = gradients(other, [z], normal(16, 784, seed=3).to(other.dtype))[0]
        if found is None or not bool(found.nan_to_num().ne(0).any(0).all()):
            raise CheckFailed("decode(z) does not depend on every latent variable through differentiable layers")


@item("q4.vae.decode", weight=0.5)
def test_codes_become_images_of_another_size(hw5, hw5_probes):
    """image_size is the size of the images: another one than 28 works, too, and each code is decoded by itself."""
    model, z = hw5_probes.made(hw5.VAE, 3, OTHER_SIZE), normal(4, 3)
    assert_decodes(model, z, OTHER_SIZE)
    whole, alone = images_of(model.decode(z), z, OTHER_SIZE), images_of(model.decode(z[1:2]), z[1:2], OTHER_SIZE)
    assert_close(alone.float(), whole[1:2], name="the image of one code alone", scale=1.0)


# q4.vae.forward


@item("q4.vae.forward", weight=1)
def test_gradients_of_forward(hw5, hw5_probes):
    """All that training needs passes through forward: from x_hat, mu and logvar back to the image."""
    known = KnownMethods(hw5, hw5_probes, 6)
    x = as_taken(known.model, pictures(6, seed=4)).requires_grad_()
    # x_hat comes last: what is cut off before mu and logvar is cut off from it as well
    for k, name in ((1, "mu"), (2, "logvar"), (0, "x_hat")):
        found = known.forward(x)
        part, cotangent = found[k], normal(*found[k].shape, seed=5).to(found[k].dtype)
        (arriving,) = gradients(part, [x], cotangent)
        if arriving is None or not bool((arriving != 0).any()):
            raise CheckFailed(f"no gradient of {name} reaches the image: it was cut off on the way")
        if known.images and known.codes:
            due = known.gradient(x, cotangent.double(), k)
            assert_gradients_close([arriving], [due], ["the image"], of=name, scale=4 * float(due.abs().max()))
