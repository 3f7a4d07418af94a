"""Question 4: the VAE's methods, whatever its layers are, and its loss."""

from __future__ import annotations

import torch
from torch.distributions import AffineTransform

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    Sizes,
    WatchedNetworks,
    assert_close,
    assert_tensor,
    describe_type,
    exceeds,
    expose,
    fetch,
    in_either_shape,
    is_remote,
    secret_generator,
    substitute,
)
from autograder.concepts.elbo_loss import Likelihood, elbo_loss
from autograder.concepts.reparameterization import reparameterization
from autograder.concepts.vae_decoder import vae_decoder
from autograder.concepts.vae_encoder import vae_encoder
from autograder.concepts.vae_forward import BATCH, KnownVae, vae_forward

GAIN = 3.0
"""Of the networks that take the places of a VAE's own: their log-variances are far from 0, where all spreads agree."""


def pictures(batch, size=28, seed=0):
    """Images (batch, 1, size, size) with values in [0, 1]."""
    return torch.rand(batch, 1, size, size, generator=torch.Generator().manual_seed(seed))


def normal(*shape, seed=0):
    """Standard normal values."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def parts_of(result, count, what):
    """The parts of a tuple of so many."""
    if type(result) not in (tuple, list) or len(result) != count:
        kind = "an object" if is_remote(result) else describe_type(result)
        raise CheckFailed(f"{what}, not {kind}", got=kind)
    return result


# q4.vae.encode


SIZES = (Sizes({}, 2, (1, 28, 28), 784), Sizes({"z_dims": 7}, 7, (1, 28, 28), 784))
OTHER_SIZES = (Sizes({"z_dims": 3, "image_size": 20}, 3, (1, 20, 20), 400),)
"""Like 28, 20 is 4 more than a multiple of 8, so networks that halve the size fit both."""


def moved_vae(hw5, hw5_probes, sizes, model):
    """A VAE whose weights have moved."""
    return hw5_probes.made(hw5.VAE, sizes.arguments, "moved", model)


@vae_encoder(
    "q4.vae.encode",
    call="encode(x)",
    once=moved_vae,
    sizes=SIZES,
    others=OTHER_SIZES,
    results=("the mu that encode returns", "the logvar that encode returns"),
    flat_too=True,
    logvar_above_zero=False,
    seen=0.85,
    weights={"other_sizes_are_encoded": 0.25, "an_input_is_encoded_by_itself": 0.25},
)
def test_encode(hw5_probes, made, x, step):
    if step:
        hw5_probes.step(made)
    return made.encode(x)


def heads_of(model, x, z_dims):
    """The two results of encode, both (B, z_dims)."""
    return two_heads(in_either_shape(model.encode, x), len(x), z_dims)


def two_heads(result, batch, z_dims):
    """The two parts of what encode returned."""
    parts = parts_of(result, 2, "encode must return two tensors, mu and logvar")
    return [
        assert_tensor(part, shape=(batch, z_dims), name=f"the {name} that encode returns")
        for part, name in zip(parts, ("mu", "logvar"), strict=True)
    ]


# q4.vae.reparameterize


def vae_of(hw5, hw5_probes, mean):
    """A VAE with latent vectors as wide as these."""
    return hw5_probes.built(hw5.VAE, mean.shape[1], 28, True)


@reparameterization("q4.vae.reparameterize", call="reparameterize(mu, logvar)", once=vae_of)
def test_reparameterize(made, mean, logvar):
    return made.reparameterize(mean, logvar)


# q4.vae.decode


def vae_with_weights(hw5, hw5_probes, sizes, weights, model):
    """A VAE with new weights, or with others."""
    return hw5_probes.made(hw5.VAE, sizes.arguments, weights, model)


@vae_decoder(
    "q4.vae.decode",
    call="decode(z)",
    once=vae_with_weights,
    sizes=SIZES,
    others=OTHER_SIZES,
    result="decode(z)",
    weights={"codes_of_other_sizes_are_decoded": 0.25, "a_code_is_decoded_by_itself": 0.25},
)
def test_decode(hw5_probes, made, z, step):
    if step:
        hw5_probes.step(made)
    return made.decode(z)


# q4.vae.forward


class KnownMethods(KnownVae):
    """The grader's encode, reparameterize and decode in the places of a VAE's own; what they are asked is kept here.

    The networks that `forward` asks itself are known maps, too.
    """

    def place(self, hw5, hw5_probes):
        """Return this object, with a VAE whose methods are the known ones."""
        generator = secret_generator()
        self.generator, self.networks = generator, WatchedNetworks(generator, gain=GAIN)
        self.images, self.seen = [], []
        kind = hw5_probes.subclass(hw5.VAE)
        self.model = hw5_probes.built(kind, self.latent, 28, True)
        self.own_encode, self.own_decode = fetch(self.model.encode), fetch(self.model.decode)
        for name in ("encode", "reparameterize", "decode"):
            substitute(getattr(kind, name), expose(getattr(self, name), pending=BATCH))
        hw5_probes.answered(self.model, self.networks.exposed, pictures(BATCH))
        return self

    @property
    def is_exact(self):
        """Whether forward asked the known methods alone."""
        return self.encoded and bool(self.drawn)

    def encode(self, *args, **kwargs):
        """Mean and log-variance of images of 784 pixels, in any shape."""
        (x,) = tensors_in(args, kwargs, 1)
        if x.numel() != 784 * len(x):
            raise TypeError("encode needs images of 784 pixels")
        remember(self.images, x.detach().flatten(1))
        return tuple(part.to(x.dtype) for part in self.heads(x))

    def reparameterize(self, *args, **kwargs):
        """A sample for each row of a mean and a log-variance."""
        mu, logvar = tensors_in(args, kwargs, 2)
        noise = torch.randn(mu.shape, generator=self.generator, dtype=torch.float64)
        return AffineTransform(mu, logvar.exp().sqrt())(noise).to(mu.dtype)

    def decode(self, *args, **kwargs):
        """Images (B, 784) with values in (0, 1)."""
        (z,) = tensors_in(args, kwargs, 1)
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise TypeError(f"decode needs codes of shape (B, {self.latent})")
        remember(self.seen, z.detach())
        return self.decoded(z).to(z.dtype)

    def forward(self, x):
        """What forward gives, and keep what was asked for it."""
        found = self._ask(x)
        self.encoded, self.drawn = bool(self.images), list(self.seen)
        self.inside = self.networks.of_width(len(x), self.latent)
        self.given = x.detach()
        return found

    def posterior(self, x):
        """q(z|x) by encode, or by the VAE's own where forward went past it but asked networks about the images."""
        if self.encoded:
            return super().posterior(x)
        self._ask(self.given)
        networks = self.networks.given(self.given.flatten(1))
        _, *heads = self._ask(self.given, *networks)
        if not networks or any(exceeds((part - part[:1]).abs(), 1e-6) for part in heads):
            raise CheckFailed("mu and logvar that forward returns do not come from encode, or from networks, for x")
        self.networks.constant = set()
        own = two_heads(in_either_shape(self.own_encode, self.given), len(x), self.latent)
        return DiagonalGaussian(*(part.detach().double() for part in own))

    def codes(self, images):
        """The codes that were decoded, by decode or by the network through which all of x_hat comes."""
        batch = len(images)
        z = torch.cat(self.drawn)[-batch:] if self.drawn else self._decoded_inside()
        if z is None or len(z) != batch:
            raise CheckFailed("forward does not decode one code for each image")
        expected = (
            self.decoded(z) if self.drawn else assert_tensor(self.own_decode(z), shape=(batch, 784), name="decode(z)")
        )
        name = "the x_hat that forward returns, next to decode,"
        assert_close(images.reshape(batch, 784), expected.detach().double(), name=name, scale=1.0)
        return z

    def _ask(self, x, *constant):
        """What forward gives, where some networks give all images the same."""
        self.images.clear()
        self.seen.clear()
        self.networks.forget()
        self.networks.constant = set(constant)
        return in_either_shape(self.model, x)

    def _decoded_inside(self):
        """The codes that went to a network through which all of x_hat comes; None where there is none."""
        for number, z in self.inside.items():
            x_hat, *_ = self._ask(self.given, number)
            if not exceeds((x_hat - x_hat[:1]).abs(), 1e-6):
                self.networks.constant = set()
                return z
        return None


def remember(seen, rows):
    """Add what a method was given to a list; raise `TypeError` where it is asked without end."""
    if sum(map(len, seen)) > 4 * BATCH:
        raise TypeError("the method was asked more than any check needs")
    seen.append(rows)


def tensors_in(args, kwargs, count):
    """The first tensors among the arguments of a method, which must be of floats; mu and logvar also by their names."""
    named = [kwargs.pop(name) for name in ("mu", "logvar") if name in kwargs]
    found = [value for value in (*args, *named, *kwargs.values()) if isinstance(value, torch.Tensor)]
    if len(found) < count or not all(part.is_floating_point() and part.ndim for part in found[:count]):
        raise TypeError("the method needs tensors of floats")
    return found[:count]


# q4.vae.loss


@elbo_loss("q4.vae.loss", call="vae_loss(x_hat, x, mu, logvar)", likelihood=Likelihood.BERNOULLI, flat=True)
def test_vae_loss(hw5, x_hat, x, mean, logvar):
    return in_either_shape(lambda images: hw5.vae_loss(x_hat, images, mean, logvar), x)


def known_methods(hw5, hw5_probes, known):
    """Known methods in the places of a VAE's own."""
    return known.place(hw5, hw5_probes)


@vae_forward(
    "q4.vae.forward",
    call="forward(x)",
    once=known_methods,
    results=("x_hat", "mu", "logvar"),
    known=KnownMethods,
    flat_too=True,
    min_batch=3,
    weights={"training_reaches_the_encoder": 0.25, "gradients_of_forward": 0.75},
)
def test_forward(made, x):
    return made.forward(x)
