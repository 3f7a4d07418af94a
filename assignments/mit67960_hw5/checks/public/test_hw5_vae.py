"""Question 4: the VAE's methods, whatever its layers are, and its loss."""

from __future__ import annotations

import torch
from torch.distributions import AffineTransform

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    WatchedNetworks,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    falls_below,
    fetch,
    in_either_shape,
    is_remote,
    item,
    lend,
    secret_generator,
    substitute,
)
from autograder.checks.describing import describe_type
from autograder.concepts.elbo_loss import Likelihood, elbo_loss
from autograder.concepts.reparameterization import reparameterization

Z_DIMS = 6
GAIN = 3.0
"""Of the networks that take the places of a VAE's own: their log-variances are far from 0, where all spreads agree."""
SAMPLES = 128
"""Images that forward gets: 768 numbers of codes."""


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


def assert_encodes(model, x, z_dims):
    """Raise `CheckFailed` unless both heads look at the image, differ, and say the same when asked again."""
    mu, logvar = heads_of(model, x, z_dims)
    if bool((mu == logvar).all()):
        raise CheckFailed("mu and logvar are the same: they need layers of their own")
    for part, name in ((mu, "mu"), (logvar, "logvar")):
        if bool((part == part[:1]).all()):
            raise CheckFailed(f"{name} is the same for all images: does it depend on x?")
    for before, after, name in zip((mu, logvar), heads_of(model, x, z_dims), ("mu", "logvar"), strict=True):
        assert_close(after, before.double(), name=f"the {name} of the same images, encoded again,", scale=1.0)


@item("q4.vae.encode", weight=2)
def test_encode_gives_mean_and_log_variance(hw5, hw5_probes):
    """encode(x) gives mu and logvar, (B, z_dims) each: of every image its own, and the same whenever it is asked."""
    for z_dims in (2, 7):
        model = hw5_probes.perturbed(hw5_probes.made(hw5.VAE, z_dims), z_dims)
        assert_encodes(model, pictures(5), z_dims)
    heads_of(hw5_probes.by_default(hw5.VAE), pictures(3), 2)


# q4.vae.reparameterize


def vae_of(hw5, hw5_probes, mean):
    """A VAE with latent vectors as wide as these."""
    return hw5_probes.built(hw5.VAE, mean.shape[1], 28, True)


@reparameterization("q4.vae.reparameterize", call="reparameterize(mu, logvar)", once=vae_of)
def test_reparameterize(made, mean, logvar):
    return made.reparameterize(mean, logvar)


# q4.vae.decode


def images_of(result, z, size):
    """Decoded images, flat, with values in (0, 1)."""
    images = assert_tensor(result, shape=(len(z), size**2), name="decode(z)").detach().double()
    low, high = float(images.min()), float(images.max())
    if falls_below(low, 2.0**-149) or exceeds(high, 1 - 2.0**-53):
        raise CheckFailed(
            f"decode(z) has values from {low:.3g} to {high:.3g}, but a probability of ink lies between 0 and 1",
            expected="values between 0 and 1",
            got=f"values from {low:.3g} to {high:.3g}",
        )
    return images


def assert_decodes(model, z, size):
    """Raise `CheckFailed` unless codes become probabilities, of every code its own, and the same when asked again."""
    images = images_of(model.decode(z), z, size)
    if bool((images == images[:1]).all()):
        raise CheckFailed("decode(z) is the same for all z")
    if not exceeds((images.sum(1) - 1).abs(), 1e-3):
        raise CheckFailed("the pixels of decode(z) add up to 1: each needs a probability of its own (no Softmax)")
    assert_close(images_of(model.decode(z), z, size).float(), images, name="decode(z), called again,", scale=1.0)


@item("q4.vae.decode", weight=2)
def test_decode_gives_probabilities(hw5, hw5_probes):
    """decode(z) gives a value between 0 and 1 for each pixel, (B, 784): of every z its own, the same at every call."""
    for z_dims in (2, 7):
        model = hw5_probes.made(hw5.VAE, z_dims)
        assert_decodes(model, normal(5, z_dims), 28)
    images_of(hw5_probes.by_default(hw5.VAE).decode(normal(3, 2)), normal(3, 2), 28)


@item("q4.vae.decode", weight=1)
def test_decode_comes_near_0_and_1(hw5, hw5_probes):
    """With weights and z a hundred times as large, some pixels come near 0, some near 1, and none leaves [0, 1]."""
    z = normal(5, 4, seed=1)
    model = hw5_probes.exaggerated(hw5_probes.perturbed(hw5_probes.made(hw5.VAE, 4), 4))
    images = assert_tensor(model.decode(100 * z), shape=(5, 784), name="decode(z) with large weights").detach().double()
    low, high = float(images.min()), float(images.max())
    if falls_below(images, 0.0) or exceeds(images, 1.0) or exceeds(low, 0.05) or falls_below(high, 0.95):
        raise CheckFailed(
            "decode(z) cannot be any probability: what comes last in the decoder?",
            expected="with large weights, pixels near 0 and near 1, none outside",
            got=f"with large weights, values from {low:.3g} to {high:.3g}",
        )
    if not exceeds((images.sum(1) - 1).abs(), 1e-3):
        raise CheckFailed("the pixels of decode(z) add up to 1: each needs a probability of its own (no Softmax)")


# q4.vae.forward


def three_parts(result, batch, z_dims, pixels=784):
    """x_hat (flat), mu and logvar that forward returned."""
    x_hat, mu, logvar = parts_of(result, 3, "forward must return exactly three tensors, x_hat, mu and logvar")
    mu = assert_tensor(mu, shape=(batch, z_dims), name="the mu that forward returns")
    logvar = assert_tensor(logvar, shape=(batch, z_dims), name="the logvar that forward returns")
    x_hat = assert_tensor(x_hat, name="the x_hat that forward returns")
    if x_hat.shape[:1] != (batch,) or x_hat.numel() != batch * pixels:
        assert_tensor(x_hat, shape=(batch, pixels), name="the x_hat that forward returns")
    return x_hat, mu, logvar


class KnownMethods:
    """The grader's encode, reparameterize and decode in the places of a VAE's own; what they are asked is kept here.

    The networks that `forward` asks itself are known maps, too.
    """

    def __init__(self, hw5, hw5_probes, batch):
        generator = secret_generator()
        self.heads = torch.randn(2, 784, Z_DIMS, generator=generator, dtype=torch.float64) / 12
        self.pixels = torch.randn(Z_DIMS, 784, generator=generator, dtype=torch.float64) / 2
        self.generator, self.networks = generator, WatchedNetworks(generator, gain=GAIN)
        self.images, self.codes = [], []
        self.model = hw5_probes.built(hw5.VAE, Z_DIMS, 28, True)
        self.own_encode, self.own_decode = fetch(self.model.encode), fetch(self.model.decode)
        for name in ("encode", "reparameterize", "decode"):
            substitute(getattr(hw5.VAE, name), lend(getattr(self, name), pending=batch))
        hw5_probes.answered(self.model, self.networks.lent, pictures(batch))

    def encode(self, *args, **kwargs):
        """Mean and log-variance of images of 784 pixels, in any shape."""
        (x,) = tensors_in(args, kwargs, 1)
        if x.numel() != 784 * len(x):
            raise TypeError("encode needs images of 784 pixels")
        remember(self.images, x.detach().flatten(1))
        return tuple(part.to(x.dtype) for part in self.posterior(x))

    def posterior(self, x):
        """What `encode` gives for images, in float64."""
        mu, logvar = (x.flatten(1).double() - 0.5) @ self.heads
        return mu, logvar - 0.5

    def reparameterize(self, *args, **kwargs):
        """A sample for each row of a mean and a log-variance."""
        mu, logvar = tensors_in(args, kwargs, 2)
        noise = torch.randn(mu.shape, generator=self.generator, dtype=torch.float64)
        return AffineTransform(mu, logvar.exp().sqrt())(noise).to(mu.dtype)

    def decode(self, *args, **kwargs):
        """Images (B, 784) with values in (0, 1)."""
        (z,) = tensors_in(args, kwargs, 1)
        if z.ndim != 2 or z.shape[1] != Z_DIMS:
            raise TypeError(f"decode needs codes of shape (B, {Z_DIMS})")
        remember(self.codes, z.detach())
        return self.decoded(z).to(z.dtype)

    def decoded(self, z):
        """What `decode` gives for codes, in float64."""
        return (z.double() @ self.pixels).sigmoid()

    def forward(self, x, *constant):
        """x_hat, mu and logvar that forward gives, where some networks give all images the same."""
        self.images.clear()
        self.codes.clear()
        self.networks.forget()
        self.networks.constant = set(constant)
        return three_parts(in_either_shape(self.model, x), len(x), Z_DIMS)

    def code(self, x):
        """What forward gives, and the codes z behind its x_hat; raise `CheckFailed` where one of these is not due."""
        parts = self.forward(x)
        (x_hat, *heads), codes, networks = parts, list(self.codes), self.networks.of_width(len(x), Z_DIMS)
        truth = self.posterior(x.detach()) if self.images else self._encoded_inside(x)
        for part, due, name in zip(heads, truth, ("mu", "logvar"), strict=True):
            assert_close(part, due.double(), name=f"the {name} that forward returns, next to encode,", scale=1.0)
        z = torch.cat(codes)[-len(x) :] if codes else self._decoded_inside(x, networks)
        if z is None or len(z) != len(x):
            raise CheckFailed("forward does not decode one code for each image")
        due = self.decoded(z) if codes else self._own_image(z)
        name = "the x_hat that forward returns, next to decode,"
        assert_close(x_hat.reshape(len(x), 784), due, name=name, scale=1.0)
        return parts, z

    def gradient(self, x, cotangent, k):
        """Of part ``k`` of what forward gave, with respect to images that were encoded and decoded once: in float64."""
        leaf = x.detach().double().requires_grad_()
        mu, logvar = self.posterior(leaf)
        deviation = logvar.exp().sqrt()
        noise = (torch.cat(self.codes).double() - mu.detach()) / deviation.detach()
        due = (self.decoded(mu + deviation * noise), mu, logvar)[k]
        return torch.autograd.grad(due, leaf, cotangent)[0]

    def _encoded_inside(self, x):
        """What the VAE's own encode gives, where forward goes past it but asks networks about the images."""
        first = self.networks.given(x.detach().flatten(1))
        _, *heads = self.forward(x, *first)
        if not first or any(exceeds((part - part[:1]).abs(), 1e-6) for part in heads):
            raise CheckFailed("mu and logvar that forward returns do not come from encode, or from networks, for x")
        self.networks.constant = set()
        own = two_heads(in_either_shape(self.own_encode, x.detach()), len(x), Z_DIMS)
        return [part.detach() for part in own]

    def _own_image(self, z):
        """What the VAE's own decode makes of codes."""
        return assert_tensor(self.own_decode(z), shape=(len(z), 784), name="decode(z)").detach().double()

    def _decoded_inside(self, x, networks):
        """The codes that went to a network through which all of x_hat comes; None where there is none."""
        for number, z in networks.items():
            x_hat, *_ = self.forward(x, number)
            if not exceeds((x_hat - x_hat[:1]).abs(), 1e-6):
                self.networks.constant = set()
                return z
        return None


def remember(seen, rows):
    """Add what a method was given to a list; raise `TypeError` where it is asked without end."""
    if sum(map(len, seen)) > 4 * SAMPLES:
        raise TypeError("the method was asked more than any check needs")
    seen.append(rows)


def tensors_in(args, kwargs, count):
    """The first tensors among the arguments of a method, which must be of floats; mu and logvar also by their names."""
    named = [kwargs.pop(name) for name in ("mu", "logvar") if name in kwargs]
    found = [value for value in (*args, *named, *kwargs.values()) if isinstance(value, torch.Tensor)]
    if len(found) < count or not all(part.is_floating_point() and part.ndim for part in found[:count]):
        raise TypeError("the method needs tensors of floats")
    return found[:count]


@item("q4.vae.forward", weight=2)
def test_forward_encodes_samples_and_decodes(hw5, hw5_probes):
    """forward(x) gives x_hat, mu, logvar: what encode says, and what decode makes of a sample, fresh at each call.

    Known methods take the places of yours. Where forward goes past them, known maps take the places of its networks.
    """
    x, noise, seen = pictures(SAMPLES), [], []
    known = KnownMethods(hw5, hw5_probes, SAMPLES)
    for _ in range(2):
        (x_hat, mu, logvar), z = known.code(x)
        noise.append(DiagonalGaussian(mu.detach().float(), logvar.detach().float()).whiten(z))
        seen.append(x_hat)
    if falls_below((seen[0] - seen[1]).abs().max(), 1e-7):
        raise CheckFailed("x_hat is the same at every call: a fresh sample of q(z|x) must be decoded")
    for whitened in noise:
        name = "the code that forward decodes, less mu and over the standard deviation,"
        assert_standard_normal(whitened, name=name, mean_effect=0.5, std_effect=1.5)
    assert_independent(*noise, name="the noise of two calls of forward")


# q4.vae.loss


@elbo_loss("q4.vae.loss", call="vae_loss(x_hat, x, mu, logvar)", likelihood=Likelihood.BERNOULLI, flat=True)
def test_vae_loss(hw5, x_hat, x, mean, logvar):
    return in_either_shape(lambda images: hw5.vae_loss(x_hat, images, mean, logvar), x)
