"""Both models: their pieces one by one, and `forward` with known networks in the places of their own."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Sizes,
    assert_tensor,
    describe_type,
    is_remote,
)
from autograder.concepts.vae_decoder import vae_decoder
from autograder.concepts.vae_encoder import vae_encoder
from autograder.concepts.vae_forward import vae_forward

IMAGE = (1, 28, 28)
PIXELS = 784
FEATURES = 12


def pictures(batch: int, seed: int = 0) -> torch.Tensor:
    """Images (batch, 1, 28, 28) with values in [0, 1]."""
    return torch.rand(batch, *IMAGE, generator=torch.Generator().manual_seed(seed))


def classes_of(batch: int, classes: int) -> torch.Tensor:
    """One-hot classes (batch, classes), all of them in turn."""
    return torch.eye(classes)[torch.arange(batch) % classes]


def three_tensors(result, batch, latent_size):
    """x_hat, mu and logvar that `forward` returned."""
    if type(result) not in (tuple, list) or len(result) != 3:
        kind = "an object" if is_remote(result) else describe_type(result)
        raise CheckFailed(f"forward must return exactly three tensors, x_hat, mu and logvar, not {kind}", got=kind)
    shapes = ((batch, *IMAGE), (batch, latent_size), (batch, latent_size))
    return [
        assert_tensor(part, shape=shape, name=f"the {name} that forward returns")
        for part, shape, name in zip(result, shapes, ("x_hat", "mu", "logvar"), strict=True)
    ]


# vae.forward, cvae.forward


def known_vae(vae, vae_probes, known):
    """A VAE with known networks."""
    sizes = {"input_size": PIXELS, "latent_size": known.latent}
    return vae_probes.known_model(vae.VAE, sizes, known.with_leaves())


@vae_forward("vae.forward", call="forward(x)", once=known_vae, results=("x_hat", "mu", "logvar"))
def test_forward(made, x):
    return made.forward(x)


def known_cvae(vae, vae_probes, known):
    """A CVAE with known networks."""
    sizes = {"input_size": PIXELS, "num_classes": known.classes, "latent_size": known.latent}
    return vae_probes.known_model(vae.CVAE, sizes, known.with_leaves())


@vae_forward("cvae.forward", call="forward(x, c)", once=known_cvae, classes=6, results=("x_hat", "mu", "logvar"))
def test_forward_of_the_cvae(made, x, c):
    return made.forward(x, c)


# vae.init, cvae.init


def flat_images(images, batch, name):
    """What a decoder gave, image by image: ``(batch, PIXELS)``."""
    if isinstance(images, torch.Tensor) and images.ndim > 2:
        images = images.flatten(1)
    return assert_tensor(images, shape=(batch, PIXELS), name=name)


def noise(*shape, seed=0):
    """Standard normal values from a private generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def moved_vae(vae, vae_probes, sizes, model):
    """A VAE whose weights have moved."""
    return vae_probes.made(vae.VAE, sizes.arguments, "moved", model)


def moved_cvae(vae, vae_probes, sizes, model):
    """A CVAE whose weights have moved."""
    return vae_probes.made(vae.CVAE, sizes.arguments, "moved", model)


def vae_with_weights(vae, vae_probes, sizes, weights, model):
    """A VAE with new weights, or with others."""
    return vae_probes.made(vae.VAE, sizes.arguments, weights, model)


def cvae_with_weights(vae, vae_probes, sizes, weights, model):
    """A CVAE with new weights, or with others."""
    return vae_probes.made(vae.CVAE, sizes.arguments, weights, model)


VAE_SIZES = (Sizes({}, 15, IMAGE, PIXELS), Sizes({"latent_size": 7}, 7, IMAGE, PIXELS))
CVAE_SIZES = (
    Sizes({}, 15, IMAGE, PIXELS, classes=10),
    Sizes({"num_classes": 4, "latent_size": 7}, 7, IMAGE, PIXELS, classes=4),
)
OF_ENCODER = {
    "call": "encoder(x)",
    "results": ("mu_layer(encoder(x))", "logvar_layer(encoder(x))"),
    "flat_too": True,
    "weights": {
        "each_input_has_a_mean_and_a_logvar": 0.75,
        "both_can_have_either_sign": 0.5,
        "the_encoder_can_be_trained": 0.3,
        "an_input_is_encoded_by_itself": 0.1,
    },
}
OF_DECODER = {
    "call": "decoder(z)",
    "result": "decoder(z)",
    "images_too": True,
    "weights": {
        "each_code_has_numbers_of_its_own": 1,
        "numbers_reach_all_of_their_range": 0.75,
        "the_decoder_can_be_trained": 0.3,
        "a_code_is_decoded_by_itself": 0.1,
    },
}


def heads_of(model, x):
    """What `mu_layer` and `logvar_layer` make of the features of inputs as the encoder takes them."""
    features = model.encoder(x)
    return model.mu_layer(features), model.logvar_layer(features)


@vae_encoder("vae.init", once=moved_vae, sizes=VAE_SIZES, **OF_ENCODER)
def test_encoder_and_both_heads(vae_probes, made, x, step):
    if step:
        vae_probes.step(made)
    return heads_of(made, x)


@vae_encoder("cvae.init", once=moved_cvae, sizes=CVAE_SIZES, **OF_ENCODER)
def test_encoder_and_both_heads_of_the_cvae(vae_probes, made, x, step):
    if step:
        vae_probes.step(made)
    return heads_of(made, x)


@vae_decoder("vae.init", once=vae_with_weights, sizes=VAE_SIZES, **OF_DECODER)
def test_decoder(vae_probes, made, z, step):
    if step:
        vae_probes.step(made)
    return made.decoder(z)


@vae_decoder("cvae.init", once=cvae_with_weights, sizes=CVAE_SIZES, **OF_DECODER)
def test_decoder_of_the_cvae(vae_probes, made, z, step):
    if step:
        vae_probes.step(made)
    return made.decoder(z)
