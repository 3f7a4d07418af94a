"""Both models: their pieces one by one, and `forward` with known networks in the places of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    falls_below,
    gradients,
    is_remote,
    item,
)
from autograder.checks.describing import describe_type
from autograder.sandbox.trusted.faults import SubmissionRaised

IMAGE = (1, 28, 28)
PIXELS = 784
FEATURES = 12


@dataclass(frozen=True, eq=False)
class World:
    """Known networks: affine features and heads, and a decoder whose images tell which latent vectors they are of.

    With ``classes`` above 0 there is a one-hot class beside the image and beside the latent vector.
    """

    latent_size: int
    classes: int = 0
    seed: int = 0

    @property
    def sizes(self) -> dict[str, int]:
        """Arguments of the constructor."""
        classes = {"num_classes": self.classes} if self.classes else {}
        return {"input_size": PIXELS, **classes, "latent_size": self.latent_size}

    @cached_property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights, float32."""
        generator = torch.Generator().manual_seed(self.seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator)

        pixels = 2 * normal(FEATURES, PIXELS) / math.sqrt(PIXELS)
        return {
            "encoder_weight": torch.cat([pixels, normal(FEATURES, self.classes)], dim=1),
            "encoder_bias": normal(FEATURES),
            "mu_weight": normal(self.latent_size, FEATURES) / math.sqrt(FEATURES),
            "mu_bias": normal(self.latent_size),
            "logvar_weight": 0.5 * normal(self.latent_size, FEATURES) / math.sqrt(FEATURES),
            "logvar_bias": torch.linspace(-1.7, 0.8, self.latent_size),
            "decoder_weight": torch.cat(
                [normal(PIXELS, self.latent_size) / math.sqrt(self.latent_size), normal(PIXELS, self.classes)], dim=1
            )
            / 2,
            "decoder_bias": normal(PIXELS) / 2,
        }

    @cached_property
    def wide(self) -> dict[str, torch.Tensor]:
        """The weights in float64."""
        return {name: tensor.double() for name, tensor in self.tensors.items()}

    def heads(self, x: torch.Tensor, c: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of q(z|x) or q(z|x, c), float64."""
        w = self.wide
        features = _beside(x.flatten(1), c) @ w["encoder_weight"].T + w["encoder_bias"]
        mean, logvar = (features @ w[f"{head}_weight"].T + w[f"{head}_bias"] for head in ("mu", "logvar"))
        return mean, logvar

    def posterior(self, x: torch.Tensor, c: torch.Tensor | None = None) -> DiagonalGaussian:
        """q(z|x) or q(z|x, c)."""
        return DiagonalGaussian(*self.heads(x, c))

    def decoded(self, z: torch.Tensor, c: torch.Tensor | None = None) -> torch.Tensor:
        """The decoder's images of latent vectors, float64."""
        w = self.wide
        return (_beside(z, c) @ w["decoder_weight"].T + w["decoder_bias"]).sigmoid().reshape(-1, *IMAGE)

    def latents(self, images: torch.Tensor, c: torch.Tensor | None = None) -> torch.Tensor:
        """The latent vectors of decoded images; raise `CheckFailed` for images that no latent vector gives."""
        w, size = self.wide, self.latent_size
        pixels = images.detach().double()
        if falls_below(pixels, 0.0) or exceeds(pixels, 1.0):
            low, high = float(pixels.min()), float(pixels.max())
            raise CheckFailed(f"x_hat has values from {low:.3g} to {high:.3g}, where the decoder gives 0 to 1")
        due = pixels.flatten(1).logit(1e-7) - w["decoder_bias"]
        if c is not None:
            due = due - c.double() @ w["decoder_weight"][:, size:].T
        z = torch.linalg.lstsq(w["decoder_weight"][:, :size], due.T).solution.T
        if exceeds((self.decoded(z, c) - pixels).abs(), 1e-4):
            beside = " beside the class" if c is not None else ""
            raise CheckFailed(
                f"x_hat is nothing that the decoder makes of a latent vector{beside}. Is another network at work, is"
                " something added to its image, or does it get something else?"
            )
        return z


def _beside(x: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
    return x.double() if c is None else torch.cat([x.double(), c.double()], dim=1)


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


def assert_forward(model, world, x, *c):
    """Raise `CheckFailed` unless mu and logvar are right, and x_hat is decoded from fresh samples of q."""
    q, noise = world.posterior(x, *c), []
    for _ in range(2):
        x_hat, mu, logvar = three_tensors(model.forward(x, *c), len(x), world.latent_size)
        assert_close(mu, q.mean, name="the mu that forward returns")
        assert_close(logvar, q.logvar, name="the logvar that forward returns")
        noise.append(q.whiten(world.latents(x_hat, *c)))
    for whitened in noise:
        assert_standard_normal(whitened, name="z in forward, less mu and over its standard deviation,")
    assert_independent(*noise, name="the noise of two calls of forward")


@item("vae.forward", weight=2)
def test_forward_encodes_samples_and_decodes(vae, vae_probes):
    """forward(x) returns x_hat, mu, logvar; x_hat is decoded from a fresh sample of q(z|x), one for each image."""
    world = World(latent_size=37)
    assert_forward(vae_probes.known_model(vae.VAE, world.sizes, world.tensors), world, pictures(64))


@item("cvae.forward", weight=2)
def test_forward_of_the_cvae_encodes_samples_and_decodes(vae, vae_probes):
    """forward(x, c): the encoder gets the flat image, then the class; the decoder a fresh sample, then the class."""
    world = World(latent_size=37, classes=6)
    model = vae_probes.known_model(vae.CVAE, world.sizes, world.tensors)
    assert_forward(model, world, pictures(64), classes_of(64, 6))


def assert_reached(output, leaves, name):
    """Raise `CheckFailed` where training on ``output`` would leave one of the leaves as it is."""
    for gradient, leaf in zip(gradients(output, list(leaves.values())), leaves, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(f"no gradient of {name} reaches {leaf}: it was cut off on the way (detached, or no_grad)")


def leaves_of(world):
    """Biases of all pieces, as leaves."""
    return {name: world.tensors[name].clone().requires_grad_() for name in ("mu_bias", "logvar_bias", "decoder_bias")}


@item("vae.forward", weight=0.5)
def test_training_would_reach_all_pieces(vae, vae_probes):
    """Gradients pass from x_hat through the sample to both heads."""
    world, x = World(latent_size=6, seed=1), pictures(3)
    leaves = leaves_of(world)
    model = vae_probes.known_model(vae.VAE, world.sizes, {**world.tensors, **leaves})
    x_hat, mu, logvar = three_tensors(model.forward(x), 3, 6)
    assert_reached(x_hat, leaves, "x_hat")
    assert_reached(mu, {"mu_bias": leaves["mu_bias"]}, "mu")
    assert_reached(logvar, {"logvar_bias": leaves["logvar_bias"]}, "logvar")


@item("cvae.forward", weight=0.5)
def test_training_would_reach_all_pieces_of_the_cvae(vae, vae_probes):
    """Gradients pass from x_hat through the sample to both heads."""
    world, x = World(latent_size=6, classes=4, seed=1), pictures(3)
    leaves = leaves_of(world)
    model = vae_probes.known_model(vae.CVAE, world.sizes, {**world.tensors, **leaves})
    x_hat, mu, logvar = three_tensors(model.forward(x, classes_of(3, 4)), 3, 6)
    assert_reached(x_hat, leaves, "x_hat")
    assert_reached(mu, {"mu_bias": leaves["mu_bias"]}, "mu")
    assert_reached(logvar, {"logvar_bias": leaves["logvar_bias"]}, "logvar")


# vae.init, cvae.init


def inputs_of(model, x):
    """Images as the encoder of a model takes them: as they are, or flat. A leaf stays one."""
    if x.ndim == 2:
        return x
    flat = x.detach().flatten(1).requires_grad_(x.requires_grad)
    try:
        features = model.encoder(x)
    except SubmissionRaised as raised:
        if raised.builtin != "RuntimeError":
            raise
        return flat
    # a Linear layer takes the last axis of an image for its inputs where the sizes happen to fit
    return x if isinstance(features, torch.Tensor) and features.ndim == 2 else flat


def heads_of(model, inputs):
    """What `mu_layer` and `logvar_layer` make of the features of inputs as the encoder takes them."""
    features = model.encoder(inputs)
    return model.mu_layer(features), model.logvar_layer(features)


def flat_images(images, batch, name):
    """What a decoder gave, image by image: ``(batch, PIXELS)``."""
    if isinstance(images, torch.Tensor) and images.ndim > 2:
        images = images.flatten(1)
    return assert_tensor(images, shape=(batch, PIXELS), name=name)


def assert_heads(model, x, latent_size):
    """Raise `CheckFailed` unless both heads give one latent vector for each input, and not the same."""
    due = (len(x), latent_size)
    mu, logvar = (
        assert_tensor(part, shape=due, name=f"{name}(encoder(...))")
        for part, name in zip(heads_of(model, inputs_of(model, x)), ("mu_layer", "logvar_layer"), strict=True)
    )
    if bool((mu == logvar).all()):
        raise CheckFailed("mu_layer and logvar_layer give the same: they must be two layers with weights of their own")
    for part, name in ((mu, "mu_layer"), (logvar, "logvar_layer")):
        if bool((part == part[:1]).all()):
            raise CheckFailed(f"{name}(encoder(...)) is the same for all inputs: does the encoder look at them?")


def assert_probabilities(vae_probes, model, z):
    """Raise `CheckFailed` unless the decoder gives a value between 0 and 1 for every pixel, also with huge weights.

    A Sigmoid comes near both ends there, and its pixels know nothing of each other.
    """
    assert_range(model.decoder(z), len(z), "decoder(z)")
    vae_probes.exaggerate(model)
    name = "decoder(z), with all weights made a hundred times as large,"
    images = assert_range(model.decoder(100 * z), len(z), name)
    low, high = float(images.min()), float(images.max())
    if exceeds(low, 0.05) or falls_below(high, 0.95):
        raise CheckFailed(f"{name} stays between {low:.3g} and {high:.3g}: a Sigmoid comes near 0 and near 1")
    if not exceeds((images.sum(1) - 1).abs(), 1e-3):
        raise CheckFailed("the pixels of decoder(z) add up to 1: each needs a probability of its own (no Softmax)")


def assert_range(images, batch, name):
    """The images ``(batch, PIXELS)``; raise `CheckFailed` unless they are between 0 and 1, and not all the same."""
    images = flat_images(images, batch, name).detach().double()
    low, high = float(images.min()), float(images.max())
    if falls_below(low, 0.0) or exceeds(high, 1.0):
        raise CheckFailed(
            f"{name} has values from {low:.3g} to {high:.3g}: a Sigmoid must come last",
            expected="values from 0 to 1",
            got=f"values from {low:.3g} to {high:.3g}",
        )
    if bool((images == images[:1]).all()):
        raise CheckFailed(f"{name} is the same for all z")
    return images


def noise(*shape, seed=0):
    """Standard normal values from a private generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@item("vae.init", weight=1)
def test_encoder_and_both_heads(vae, vae_probes):
    """mu_layer(encoder(x)) and logvar_layer(encoder(x)) are (N, latent_size), for 15 and for other sizes."""
    for sizes, latent_size in (({}, 15), ({"latent_size": 7}, 7)):
        model = vae_probes.ready(vae.VAE(PIXELS, **sizes))
        assert_heads(model, pictures(4), latent_size)


@item("vae.init", weight=1)
def test_the_decoder_gives_probabilities(vae, vae_probes):
    """decoder(z) has one value between 0 and 1 for each of the 784 pixels, for 15 latent variables and for others."""
    for sizes, latent_size in (({}, 15), ({"latent_size": 7}, 7)):
        assert_probabilities(vae_probes, vae_probes.ready(vae.VAE(PIXELS, **sizes)), noise(5, latent_size))


CVAE_SIZES = (({}, 10, 15), ({"num_classes": 4, "latent_size": 7}, 4, 7))


@item("cvae.init", weight=1)
def test_encoder_and_both_heads_of_the_cvae(vae, vae_probes):
    """The encoder takes a flat image with a one-hot class behind it; both heads give (N, latent_size)."""
    for sizes, classes, latent_size in CVAE_SIZES:
        model = vae_probes.ready(vae.CVAE(PIXELS, **sizes))
        inputs = torch.cat([pictures(4).flatten(1), classes_of(4, classes)], dim=1)
        assert_heads(model, inputs, latent_size)


@item("cvae.init", weight=1)
def test_the_decoder_of_the_cvae_gives_probabilities(vae, vae_probes):
    """decoder(cat(z, c)) has one value between 0 and 1 for each of the 784 pixels."""
    for sizes, classes, latent_size in CVAE_SIZES:
        model = vae_probes.ready(vae.CVAE(PIXELS, **sizes))
        inputs = torch.cat([noise(5, latent_size), classes_of(5, classes)], dim=1)
        assert_probabilities(vae_probes, model, inputs)
