"""The VAE with known networks in the places of its own, against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.gaussian import (
    importance_weighted_log_likelihood,
    kl_to_standard_normal,
    negative_log_likelihood,
)
from hypothesis import strategies as st
from ift6135_a3.checks.public.test_vae_log_likelihood import KnownLikelihood, estimate, moved, nearest
from ift6135_a3.checks.public.test_vae_model import (
    IMAGE,
    KnownDecoder,
    KnownEncoder,
    World,
    build,
    distribution,
    image_tensor,
    leaves_of,
    pictures,
    three_tensors,
)

from autograder.checks import (
    CheckFailed,
    Unit,
    assert_close,
    assert_gradients_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    given,
    gradients,
    images,
    item,
    seeds,
    teach,
)

DIMS = [1, 2, 3]


def normal(*shape, seed=0):
    """Standard normal values from a private generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def heads(x, w):
    """Mean and logvar of q(z|x) in float64, differentiable."""
    features = x.flatten(1) @ w["features"].T
    return [features @ w[f"{name}_weight"].T + w[f"{name}_bias"] for name in ("mean", "logvar")]


def decoded(z, w):
    """Images of latent vectors in float64, differentiable."""
    return (w["decoder_bias"] + (z @ w["decoder_weight"].T).asinh()).reshape(-1, *IMAGE)


def truths(world, leaves):
    """All weights in float64, and the leaves among them as leaves."""
    inner = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
    return {**{name: tensor.double() for name, tensor in world.tensors.items()}, **inner}, list(inner.values())


# vae.encode


@item("vae.encode", weight=2)
@given(examples=5, x=images(min_batch=1), seed=seeds())
def test_posterior_density_and_gradients(vae_solution, vae_probes, x, seed):
    """The density of q(z|x) is right for every image, and training would reach both heads and what is before them."""
    world = World(z_dim=9, seed=seed)
    pixels = x.clone().requires_grad_()
    known = KnownEncoder(world, vae_solution, vae_probes)
    found = distribution(known.model.encode(pixels), "encode(x)")
    (q, usual), z = known.posterior(x), normal(len(x), 9, seed=seed)
    assert_close(found.mode(), q.mean)
    nll = assert_tensor(found.nll(z, dims=[1]), shape=(len(x),))
    assert_close(nll, negative_log_likelihood(z, q.mean, q.logvar))
    w, inner = truths(world, known.biases)
    true_pixels = x.double().requires_grad_()
    density = negative_log_likelihood(z, *heads(true_pixels, w))
    arriving = known.gradients(nll, pixels)
    if usual:
        truth = torch.autograd.grad(density.sum(), [true_pixels, *inner])
        assert_gradients_close(arriving, truth, ["x", "mean", "logvar"])
        return
    if any(gradient is None for gradient in arriving):
        raise CheckFailed("q(z|x) is cut off from the image or from a head")
    known.assert_used(x)


# vae.decode


@item("vae.decode", weight=2)
@given(examples=5, seed=seeds(), batch=st.integers(1, 4))
def test_likelihood_density_and_gradients(vae_solution, vae_probes, seed, batch):
    """p(x|z) has the identity as its covariance wherever x lies, and training would reach the decoder and z."""
    world = World(z_dim=9, seed=seed)
    z, x = normal(batch, 9, seed=seed).requires_grad_(), 3 * pictures(batch, seed)
    model = build(vae_solution, vae_probes, world)
    known = KnownDecoder(world, vae_probes, model)
    found = distribution(model.decode(z), "decode(z)")
    mode = found.mode()
    direct = known.assert_mode(mode, z.detach())
    nll = assert_tensor(found.nll(x), shape=(batch,))
    unit = torch.zeros_like(x)
    assert_close(nll, negative_log_likelihood(x, mode.detach(), unit, dims=DIMS))
    w, inner = truths(world, {"decoder_bias": known.bias})
    true_z = z.detach().double().requires_grad_()
    density = negative_log_likelihood(x, decoded(true_z, w), unit, dims=DIMS)
    arriving = gradients(nll, [z])
    arriving += [known.bias.grad] if arriving[0] is not None else teach(nll, [known.bias])
    if direct:
        truth = torch.autograd.grad(density.sum(), [true_z, *inner])
        assert_gradients_close(arriving, truth, ["z", "the decoder"])
    elif any(gradient is None for gradient in arriving):
        raise CheckFailed("p(x|z) is cut off from z or from the decoder")


# vae.sample


@item("vae.sample", weight=1)
def test_every_latent_coordinate_of_a_sample_is_standard_normal(vae_solution, vae_probes):
    """Each coordinate of the z behind a sample is N(0, 1), whatever the encoder has learnt."""
    world = World(z_dim=6, seed=1)
    model = build(vae_solution, vae_probes, world, mean_bias=torch.full((6,), 5.0))
    drawn = [world.latents(image_tensor(model.sample(160), 160, "sample"), "sample") for _ in range(2)]
    for z in drawn:
        assert_standard_normal(z, unit=Unit.COORDINATE, mean_effect=1.0, std_effect=2.5)
    assert_independent(*drawn)


# vae.forward


@item("vae.forward", weight=2)
@given(examples=5, x=images(min_batch=1), seed=seeds())
def test_forward_and_its_gradients(vae_solution, vae_probes, x, seed):
    """The loss of every image is right, and its gradient passes through the sample to both heads of the encoder."""
    world = World(z_dim=9, seed=seed)
    leaves = leaves_of(world, "mean_bias", "logvar_bias", "decoder_bias")
    pixels = x.clone().requires_grad_()
    model = build(vae_solution, vae_probes, world, **leaves)
    mode, nll, kl = three_tensors(model.forward(pixels), len(x))
    noise = world.posterior(x).whiten(world.latents(mode, "forward"))
    w, inner = truths(world, leaves)
    true_pixels = x.double().requires_grad_()
    mean, logvar = heads(true_pixels, w)
    picture = decoded(mean + logvar.exp().sqrt() * noise, w)
    true_nll = negative_log_likelihood(true_pixels, picture, torch.zeros_like(picture), dims=DIMS)
    true_kl = kl_to_standard_normal(mean, logvar)
    assert_close(nll, true_nll)
    assert_close(kl, true_kl, scale=(mean**2 + logvar.exp() + logvar.abs() + 1).sum(1))
    names, sent, inner = ["x", *leaves], [pixels, *leaves.values()], [true_pixels, *inner]
    for part, truth, count in ((nll, true_nll, 4), (kl, true_kl, 3)):  # the kl does not depend on the decoder
        expected = torch.autograd.grad(truth.sum(), inner[:count], retain_graph=True)
        assert_gradients_close(gradients(part, sent[:count]), expected, names[:count])


# vae.interpolate


@item("vae.interpolate", weight=1)
@given(examples=6, seed=seeds(), n=st.integers(2, 12))
def test_interpolated_images(vae_solution, vae_probes, seed, n):
    """Every image of the path is the mode of p(x|z) at its own point of the line between the two latent vectors."""
    world = World(z_dim=9, seed=seed)
    z_1, z_2 = 2 * normal(2, 1, 9, seed=seed)
    model = build(vae_solution, vae_probes, world)
    got = image_tensor(vae_solution.interpolate(model, z_1, z_2, n), n, "interpolate")
    weight = torch.linspace(0, 1, n, dtype=torch.float64)[:, None]
    path = world.decoded((1 - weight) * z_1 + weight * z_2)
    turned = bool((got[0] - path[-1]).norm() < (got[0] - path[0]).norm())
    assert_close(got, path.flip(0) if turned else path)


# vae.log_likelihood


@item("vae.log_likelihood", weight=2)
@given(examples=5, seed=seeds(), batch=st.integers(1, 3), K=st.integers(1, 9))
def test_the_estimate_is_that_of_the_latent_vectors_that_were_decoded(vae_solution, vae_probes, seed, batch, K):
    """With a q(z|x) that is off, the estimate is what the K latent vectors of each image say that it decoded."""
    world = KnownLikelihood(seed, widening=3.0, shift=0.7)
    x = world.images(batch)
    got, decoded = estimate(vae_solution, vae_probes, world, x, K)
    assert_close(got, nearest(got, [estimate_of(world, x, order) for order in decoded.orders(batch)]), scale=0.0)


def estimate_of(world, x, decoded):
    """The estimate of log p(x), (batch,), from samples (K, batch, latent) of q(z|x), float64."""
    q, z = world.posterior(x), decoded.z
    pixels = world.decoded(z)
    log_x = -negative_log_likelihood(x.flatten(1), pixels, torch.zeros_like(pixels), dims=[2]) + decoded.factor.log()
    log_z = -negative_log_likelihood(z, torch.zeros_like(z), torch.zeros_like(z), dims=[2])
    log_q = -negative_log_likelihood(z, q.mean, q.logvar, dims=[2])
    return importance_weighted_log_likelihood(log_x, log_z, log_q)


@item("vae.log_likelihood", weight=1)
def test_a_single_importance_sample_is_drawn_from_the_posterior(vae_solution, vae_probes):
    """With K = 1 and a q(z|x) that is off, the estimate varies with the one z, as it must if z is drawn from q(z|x)."""
    world = KnownLikelihood(seed=1, shift=1.3)
    x = world.images(batch=160)
    got, decoded = estimate(vae_solution, vae_probes, world, x, K=1)
    # z = posterior mean + (shift + e) std, so log p(z|x) - log q(z|x) = -|shift|^2 / 2 - <shift, e>, normal in e
    length = world.shift * len(world.gains) ** 0.5
    along = (moved(world, x, decoded)[0] - length**2 / 2 - got.detach().double()) / length
    assert_standard_normal(along, mean_effect=1.0, std_effect=2.5)


@item("vae.log_likelihood", weight=1)
def test_estimates_of_images_far_from_the_model(vae_solution, vae_probes):
    """An image far from anything that the model makes has a finite log-likelihood, as have all the others."""
    world = KnownLikelihood(seed=2)
    x = world.images(batch=4)
    x[1] *= 30
    x[2] *= 1000
    for rows, K in ((slice(None), 4), (slice(0, 1), None)):
        got, decoded = estimate(vae_solution, vae_probes, world, x[rows], K)
        assert_close(got, nearest(got, moved(world, x[rows], decoded)), scale=0.0)
