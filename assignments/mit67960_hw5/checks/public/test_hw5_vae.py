"""Question 4: the VAE's methods, whatever its layers are, and its loss."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch.distributions import AffineTransform, Bernoulli, Independent

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    WatchedNetworks,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    diagonal_gaussians,
    exceeds,
    falls_below,
    fetch,
    given,
    in_either_shape,
    is_remote,
    item,
    lend,
    secret_generator,
    seeds,
    substitute,
)
from autograder.checks.describing import describe_type
from autograder.checks.untrained import Sizes
from autograder.concepts.reparameterization import reparameterization
from autograder.concepts.vae_decoder import vae_decoder
from autograder.concepts.vae_encoder import vae_encoder

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


def loss_of(vae_loss, x_hat, x, mu, logvar):
    """The loss of images, in the shape that it takes."""
    return in_either_shape(lambda images: vae_loss(x_hat, images, mu, logvar), x)


def drawn_images(batch, seed):
    """Probabilities of ink (batch, 784), and images (batch, 1, 28, 28) of black and white pixels."""
    generator = torch.Generator().manual_seed(seed)
    x_hat = 0.05 + 0.9 * torch.rand(batch, 784, generator=generator)
    return x_hat, (torch.rand(batch, 1, 28, 28, generator=generator) < 0.3).float()


@item("q4.vae.loss", weight=2)
@given(examples=10, q=diagonal_gaussians(min_batch=3, max_batch=6), seed=seeds())
def test_the_loss_is_the_negative_elbo(hw5, q, seed):
    """For black and white images the loss is -log p(x|z) + KL(q || N(0, I)), averaged over the images of the batch.

    p(x|z) has independent pixels that are ink with probability x_hat. The KL divergence is a Monte-Carlo mean of
    log q(z) - log p(z) whose noise is standardised: it has no Monte-Carlo error.
    """
    x_hat, x = drawn_images(len(q.mean), seed)
    got = loss_of(hw5.vae_loss, x_hat, x, q.mean, q.logvar)
    due = (q.log_ratio_to_standard_normal.mean(0) - log_likelihood(x_hat, x)).mean()
    assert_close(got, due, name="the loss", scale=0.0)


@item("q4.vae.loss", weight=1)
@given(examples=8, q=diagonal_gaussians(min_batch=3, max_batch=6), seed=seeds(), rows=st.integers(1, 2))
def test_images_add_up(hw5, q, seed, rows):
    """Each image counts once: the loss of some images is the average of what each of them costs, however many."""
    x_hat, x = drawn_images(len(q.mean), seed)
    costs = q.log_ratio_to_standard_normal.mean(0) - log_likelihood(x_hat, x)
    for part in (slice(None, rows), slice(rows, None), slice(None)):
        loss = loss_of(hw5.vae_loss, x_hat[part], x[part], q.mean[part], q.logvar[part])
        name = f"the loss of {len(x[part])} of {len(x)} images"
        assert_close(loss, costs[part].mean(), name=name, scale=0.0)


def log_likelihood(x_hat, x):
    """log p(x|z) of each image."""
    return Independent(Bernoulli(x_hat.double()), 1).log_prob(x.double().flatten(1))
