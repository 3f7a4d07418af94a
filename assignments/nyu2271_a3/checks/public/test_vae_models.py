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
from autograder.checks.untrained import Sizes
from autograder.concepts.vae_decoder import vae_decoder
from autograder.concepts.vae_encoder import vae_encoder

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
