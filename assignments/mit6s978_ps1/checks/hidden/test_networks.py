"""The networks of the VAE, untrained: differentiable, and one input at a time."""

from __future__ import annotations

from mit6s978_ps1.checks.hidden.test_autoencoder import assert_every_input_counts
from mit6s978_ps1.checks.public.test_pset1_models import decoded, encoded, noise, pairs, pictures, several, tensors_of

from autograder.checks import CheckFailed, assert_close, item

SIZES = (30, [64, 40, 28, 6])
MODELS = 8


@item("p2.networks", weight=0.5)
def test_every_input_and_every_latent_variable_has_a_say(pset1, pset1_probes):
    """All is differentiable; every input has a say in mean and logvar, every latent variable in what is decoded."""
    models = several(pset1_probes, pset1.VAE, SIZES, MODELS)
    x, z = pictures(16, 30).requires_grad_(), (2 * noise(16, 3)).requires_grad_()
    for part, name in zip(pairs(encoded(models, x), MODELS, (16, 3)), ("mean", "logvar"), strict=True):
        assert_every_input_counts(part, x, 3, f"the {name} of encode(x)")
    assert_every_input_counts(decoded(models, z), z, 30, "decode(z)")


@item("p2.networks", weight=0.5)
def test_an_input_is_its_own_business(pset1, pset1_probes):
    """In evaluation mode an input is encoded alike alone and in a batch, and so is a latent vector decoded."""
    for extra, width in (((), 30), ((4, False), 4)):
        models, x, z = several(pset1_probes, pset1.VAE, (*SIZES, *extra), 4), pictures(5, 30), 2 * noise(5, 3)
        together = pairs(encoded(models, x), 4, (5, 3))
        alone = pairs(encoded(models, x[1:2]), 4, (1, 3))
        for batch, single, name in zip(together, alone, ("mean", "logvar"), strict=True):
            for many, one in zip(batch, single, strict=True):
                assert_close(one, many.detach()[1:2], name=f"the {name} of one input", scale=1.0)
        images = tensors_of(decoded(models, z), 4, (5, width), "decode(z)")
        singles = tensors_of(decoded(models, z[3:4]), 4, (1, width), "decode(z) of one z")
        for many, one in zip(images, singles, strict=True):
            assert_close(one, many[3:4], name="decode(z) of one z", scale=1.0)
        for mean, logvar in zip(*together, strict=True):
            if bool((mean == logvar).all()):
                raise CheckFailed("mean and logvar of encode(x) are the same numbers: each has its own half")
        if all(bool((image == image[:1]).all()) for image in images):
            raise CheckFailed("decode(z) is the same for all z")
