"""Question 4: the VAE's methods, whatever its layers are, and its loss."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_gradients_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    diagonal_gaussians,
    exceeds,
    falls_below,
    given,
    gradients,
    is_remote,
    item,
    seeds,
)
from autograder.checks.describing import describe_type

Z_DIMS = 6
"""What the grader's stand-ins for encode and decode know."""


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


def heads_of(hw5_probes, model, x, z_dims):
    """The two results of encode, both (B, z_dims)."""
    parts = parts_of(hw5_probes.encoded(model, x), 2, "encode must return two tensors, mu and logvar")
    return [
        assert_tensor(part, shape=(len(x), z_dims), name=f"the {name} that encode returns")
        for part, name in zip(parts, ("mu", "logvar"), strict=True)
    ]


def assert_encodes(hw5_probes, model, x, z_dims):
    """Raise `CheckFailed` unless both heads look at the image, differ, and say the same when asked again."""
    mu, logvar = heads_of(hw5_probes, model, x, z_dims)
    if bool((mu == logvar).all()):
        raise CheckFailed("mu and logvar are the same: they need layers of their own")
    for part, name in ((mu, "mu"), (logvar, "logvar")):
        if bool((part == part[:1]).all()):
            raise CheckFailed(f"{name} is the same for all images: does it depend on x?")
    for before, after, name in zip((mu, logvar), heads_of(hw5_probes, model, x, z_dims), ("mu", "logvar"), strict=True):
        assert_close(after, before.double(), name=f"the {name} of the same images, encoded again,", scale=1.0)


@item("q4.vae.encode", weight=2)
def test_encode_gives_mean_and_log_variance(hw5, hw5_probes):
    """encode(x) gives mu and logvar, (B, z_dims) each: of every image its own, and the same whenever it is asked."""
    for z_dims in (2, 7):
        model = hw5_probes.perturbed(hw5_probes.made(hw5.VAE, z_dims), z_dims)
        assert_encodes(hw5_probes, model, pictures(5), z_dims)
    heads_of(hw5_probes, hw5_probes.by_default(hw5.VAE), pictures(3), 2)


# q4.vae.reparameterize


@item("q4.vae.reparameterize", weight=2)
def test_samples_have_the_mean_and_spread_that_were_asked_for(hw5, hw5_probes):
    """reparameterize(mu, logvar), less mu and over the standard deviation, is N(0, 1) noise, fresh at every call."""
    q = DiagonalGaussian(normal(256, 12, seed=1), 2 * normal(256, 12, seed=2))
    model = hw5_probes.built(hw5.VAE, 12, 28, True)
    noise = []
    for _ in range(2):
        z = assert_tensor(model.reparameterize(q.mean, q.logvar), shape=q.shape, name="reparameterize(mu, logvar)")
        noise.append(q.whiten(z))
    for whitened in noise:
        assert_standard_normal(whitened, name="the noise of reparameterize")
    assert_independent(*noise, name="the noise of two calls of reparameterize")


@item("q4.vae.reparameterize", weight=1)
@given(examples=10, q=diagonal_gaussians(requires_grad=True))
def test_gradients_reach_mu_and_logvar(hw5, hw5_probes, q):
    """A sample depends on mu and logvar through differentiable operations; moving mu moves it as much."""
    model = hw5_probes.built(hw5.VAE, q.shape[1], 28, True)
    z = assert_tensor(model.reparameterize(q.mean, q.logvar), shape=q.shape, name="reparameterize(mu, logvar)")
    to_mu, to_logvar = gradients(z, [q.mean, q.logvar])
    assert_gradients_close([to_mu], [torch.ones(q.shape)], ["mu"], of="the sum of the samples")
    if to_logvar is None or not bool((to_logvar != 0).any()):
        raise CheckFailed("no gradient reaches logvar: the noise must be scaled by a function of logvar, not drawn so")


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
    far = hw5_probes.decoded_far(hw5_probes.perturbed(hw5_probes.made(hw5.VAE, 4), 4), z)
    images = assert_tensor(far, shape=(5, 784), name="decode(z) with large weights").detach().double()
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


def both_ways(hw5_probes, model, x, seed):
    """What forward gives, and what encode, reparameterize and decode give with the same random numbers."""
    results = []
    for call in (hw5_probes.forwarded, hw5_probes.composed):
        torch.manual_seed(seed)  # the grader's own reparameterize, where it stands in for yours, draws on this side
        results.append(call(model, x, seed))
    return results


COPIES, DIRECTIONS = 4096, 8
"""Calls of forward on one image, and random projections of its images, where its random numbers are its own."""
MOST_APART = math.sqrt(math.log(2 * DIRECTIONS / 1e-9) / COPIES)
"""Kolmogorov and Smirnov's distance that two samples of one distribution exceed with probability 1e-9 / DIRECTIONS:
P(D > d) <= 2 exp(-n d^2) for two samples of n (Massart 1990, up to a factor that is 1 for large n)."""


def apart(ours, due):
    """The greatest distance between distributions of projections of two samples ``(COPIES, pixels)``."""
    directions = torch.randn(due.shape[1], DIRECTIONS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    both = torch.cat([due.double(), ours.double()]) @ directions
    signs = torch.cat([torch.ones(COPIES), -torch.ones(COPIES)]).double()
    steps = signs[both.argsort(0)].cumsum(0) / COPIES
    return float(steps.abs().max())


def assert_same_samples(hw5_probes, model):
    """Fail unless forward on one image, again and again, gives what the three methods give, as a distribution."""
    moved, x = hw5_probes.perturbed(model, 3), pictures(1).expand(COPIES, -1, -1, -1).contiguous()
    ours, due = (
        three_parts(call, COPIES, Z_DIMS)[0].reshape(COPIES, -1) for call in both_ways(hw5_probes, moved, x, 13)
    )
    if exceeds(distance := apart(ours.detach(), due.detach()), MOST_APART):
        raise CheckFailed(
            "the x_hat that forward returns is not what decode makes of a sample of q(z|x)",
            expected="images that are distributed as those of encode, reparameterize and decode, called in turn",
            got=f"distance {distance:.3g} of two distribution functions, where chance explains {MOST_APART:.3g}",
        )


@item("q4.vae.forward", weight=2)
def test_forward_encodes_samples_and_decodes(hw5, hw5_probes):
    """forward(x) gives x_hat, mu, logvar: what your encode says, and what decode makes of a sample, fresh at each call.

    Your own methods are called one after the other with the same random numbers. Where x_hat then differs because
    forward draws its own, many samples of one image are compared.
    """
    model, x, seen, same = hw5_probes.built(hw5.VAE, Z_DIMS, 28, True), pictures(8), [], True
    for seed in (11, 12):
        ours, due = both_ways(hw5_probes, model, x, seed)
        ours, due = three_parts(ours, 8, Z_DIMS), three_parts(due, 8, Z_DIMS)
        for part, truth, name in zip(ours[1:], due[1:], ("mu", "logvar"), strict=True):
            assert_close(part, truth.double(), name=f"the {name} that forward returns, next to encode,", scale=1.0)
        same = same and not exceeds((ours[0].reshape(due[0].shape) - due[0]).abs(), 1e-5)
        seen.append(ours[0])
    if falls_below((seen[0] - seen[1]).abs().max(), 1e-7):
        raise CheckFailed("x_hat is the same at every call: a fresh sample of q(z|x) must be decoded")
    if not same:
        assert_same_samples(hw5_probes, model)


# q4.vae.loss


def drawn_images(batch, seed):
    """Probabilities of ink (batch, 784), and images (batch, 1, 28, 28) of black and white pixels."""
    generator = torch.Generator().manual_seed(seed)
    x_hat = 0.05 + 0.9 * torch.rand(batch, 784, generator=generator)
    return x_hat, (torch.rand(batch, 1, 28, 28, generator=generator) < 0.3).float()


@item("q4.vae.loss", weight=2)
@given(examples=10, q=diagonal_gaussians(min_batch=3, max_batch=6), seed=seeds())
def test_the_loss_is_the_negative_elbo(hw5, hw5_probes, q, seed):
    """For black and white images the loss is -log p(x|z) + KL(q || N(0, I)), averaged over the images of the batch.

    p(x|z) has independent pixels that are ink with probability x_hat. The KL divergence is a Monte-Carlo mean of
    log q(z) - log p(z) whose noise is standardised: it has no Monte-Carlo error.
    """
    x_hat, x = drawn_images(len(q.mean), seed)
    got = hw5_probes.loss_of(hw5.vae_loss, x_hat, x, q.mean, q.logvar)
    log_likelihood = Independent(Bernoulli(x_hat.double()), 1).log_prob(x.double().flatten(1))
    assert_close(got, (q.log_ratio_to_standard_normal.mean(0) - log_likelihood).mean(), name="the loss", scale=0.0)


@item("q4.vae.loss", weight=1)
@given(examples=8, q=diagonal_gaussians(min_batch=3, max_batch=6), seed=seeds(), rows=st.integers(1, 2))
def test_images_add_up(hw5, hw5_probes, q, seed, rows):
    """Each image counts once: the loss of a batch is the average of the losses of its parts, weighted by size."""
    x_hat, x = drawn_images(len(q.mean), seed)
    losses = []
    for part in (slice(None, rows), slice(rows, None), slice(None)):
        loss = hw5_probes.loss_of(hw5.vae_loss, x_hat[part], x[part], q.mean[part], q.logvar[part])
        losses.append(assert_tensor(loss, shape=(), name="the loss of a part of the batch").detach().double())
    if bool(losses[0] == losses[1]) or bool((torch.stack(losses) == 0).any()):
        raise CheckFailed(
            "the loss does not depend on the images", got=f"{losses[0]:g} and {losses[1]:g} for two parts"
        )
    due = (rows * losses[0] + (len(x) - rows) * losses[1]) / len(x)
    assert_close(losses[2], due, name="the loss of the batch, next to that of its parts,", scale=losses[0].abs())
