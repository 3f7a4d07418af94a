"""Part A against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from nyu2271_a3.checks.public.test_vae_models import (
    classes_of,
    heads_of,
    noise,
    pictures,
)

from autograder.checks import (
    CheckFailed,
    as_taken,
    assert_tensor,
    item,
)

# vae.init, cvae.init

PIECES = ("encoder", "mu_layer", "logvar_layer", "decoder")


def assert_all_move(vae_probes, model, inputs, z):
    """Raise `CheckFailed` where a piece gives the same again after a step of all parameters of the model."""
    features = assert_tensor(model.encoder(inputs), name="encoder(...)").detach()
    asked = dict(zip(PIECES, (inputs, features, features, z), strict=True))
    before, after = [], []
    for found in (before, after):
        found += [assert_tensor(getattr(model, name)(asked[name]), name=f"{name}(...)") for name in PIECES]
        vae_probes.step(model)
    if left := [name for name, *parts in zip(PIECES, before, after, strict=True) if torch.equal(*parts)]:
        what = " and ".join(left)
        raise CheckFailed(f"an optimiser of model.parameters() never changes {what}: are their layers modules of it?")


@item("vae.init", weight=0.2)
def test_all_pieces_are_trained(vae, vae_probes):
    """All four pieces are trained with model.parameters()."""
    model, x = vae_probes.made(vae.VAE, {}, "new", 0), pictures(3)
    assert_all_move(vae_probes, model, as_taken(lambda images: heads_of(model, images), x), noise(3, 15))


@item("cvae.init", weight=0.2)
def test_all_pieces_of_the_cvae_are_trained(vae, vae_probes):
    """All four pieces are trained with model.parameters()."""
    model, c = vae_probes.made(vae.CVAE, {}, "new", 0), classes_of(3, 10)
    inputs = torch.cat([pictures(3).flatten(1), c], dim=1)
    assert_all_move(vae_probes, model, inputs, torch.cat([noise(3, 15), c], dim=1))
