"""Part A against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.bernoulli import negative_elbo
from hypothesis import strategies as st
from nyu2271_a3.checks.public.test_vae_models import (
    World,
    classes_of,
    heads_of,
    leaves_of,
    noise,
    pictures,
    three_tensors,
)

from autograder.checks import (
    CheckFailed,
    as_taken,
    assert_close,
    assert_gradients_close,
    assert_tensor,
    diagonal_gaussians,
    exceeds,
    given,
    gradients,
    item,
    seeds,
)

# vae.loss


@item("vae.loss", weight=2)
@given(examples=10, q=diagonal_gaussians(min_batch=1, max_batch=7, requires_grad=True), seed=seeds())
def test_the_loss_of_grey_images_and_its_gradients(vae, q, seed):
    """The loss is right for grey images, any number of them and any logvar, and so are its three gradients."""
    batch = len(q.mean)
    x_hat = (0.05 + 0.9 * pictures(batch, seed)).requires_grad_()
    x = pictures(batch, seed + 1)
    got = vae.loss_function(x_hat, x, q.mean, q.logvar)
    leaves = [leaf.detach().double().requires_grad_() for leaf in (x_hat, q.mean, q.logvar)]
    truth = negative_elbo(leaves[0], x, *leaves[1:])
    assert_close(got, truth, scale=0.0)
    expected = torch.autograd.grad(truth, leaves)
    assert_gradients_close(gradients(got, [x_hat, q.mean, q.logvar]), expected, ["x_hat", "mu", "logvar"])
    sure = x_hat.detach().clone()
    sure.view(batch, -1)[:, ::20], sure.view(batch, -1)[:, 10::20] = 0.001, 0.999
    got = assert_tensor(vae.loss_function(sure, x, q.mean, q.logvar), shape=()).double()
    truth = negative_elbo(sure, x, q.mean.detach(), q.logvar.detach())
    if exceeds((got - truth).abs(), 0.01 * truth):  # a small constant in the logarithm stays below that
        raise CheckFailed("the loss is wrong where x_hat is 0.001 or 0.999: are probabilities cut off?")


@item("vae.loss", weight=1)
@given(examples=5, q=diagonal_gaussians(min_batch=2, max_batch=3, max_dim=40), seed=seeds())
def test_reconstruction_and_divergence_have_the_same_weight(vae, q, seed):
    """One reconstruction under two posteriors: the losses differ by as much as the divergences do."""
    x_hat, x = 0.05 + 0.9 * pictures(len(q.mean), seed), pictures(len(q.mean), seed + 1)
    wide = (2 * q.mean, q.logvar + 1.5)
    losses = [assert_tensor(vae.loss_function(x_hat, x, *of), shape=()).double() for of in ((q.mean, q.logvar), wide)]
    truths = [negative_elbo(x_hat, x, *of) for of in ((q.mean, q.logvar), wide)]
    assert_close(losses[1] - losses[0], truths[1] - truths[0], scale=truths[0].abs())


# vae.forward, cvae.forward


def assert_gradients_of_forward(vae_probes, kind, world, x, *c):
    """Raise `CheckFailed` unless gradients of x_hat, mu and logvar, at the noise that was drawn, are the true ones."""
    leaves = leaves_of(world)
    pixels = x.clone().requires_grad_()
    model = vae_probes.known_model(kind, world.sizes, {**world.tensors, **leaves})
    x_hat, mu, logvar = three_tensors(model.forward(pixels, *c), len(x), world.latent_size)
    drawn = world.posterior(x, *c).whiten(world.latents(x_hat, *c))
    true_pixels = x.double().requires_grad_()
    inner = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
    true_world = World(world.latent_size, world.classes, world.seed)
    true_world.wide.update(inner)
    true_mu, true_logvar = true_world.heads(true_pixels, *c)
    true_x_hat = true_world.decoded(true_mu + (true_logvar / 2).exp() * drawn, *c)
    names, sent, due = ["x", *leaves], [pixels, *leaves.values()], [true_pixels, *inner.values()]
    for part, truth, chosen in (
        (x_hat, true_x_hat, (0, 1, 2, 3)),
        (mu, true_mu, (0, 1)),
        (logvar, true_logvar, (0, 2)),
    ):
        cotangent = noise(*truth.shape, seed=1)
        wanted = [due[k] for k in chosen]
        expected = torch.autograd.grad(truth, wanted, cotangent.double(), retain_graph=True)
        found = gradients(part, [sent[k] for k in chosen], cotangent.to(part.dtype))
        # float32 knows the noise, hence the sample, to about 1e-5 of itself
        scale = 4 * max(float(gradient.abs().max()) for gradient in expected)
        assert_gradients_close(found, expected, [names[k] for k in chosen], of="forward", scale=scale)


@item("vae.forward", weight=1.5)
@given(examples=4, seed=seeds(), batch=st.integers(1, 4), latent_size=st.integers(2, 20))
def test_gradients_of_forward(vae, vae_probes, seed, batch, latent_size):
    """All that training needs passes through forward: from x_hat to the decoder, both heads and the image."""
    world = World(latent_size, seed=seed)
    assert_gradients_of_forward(vae_probes, vae.VAE, world, pictures(batch, seed))


@item("cvae.forward", weight=1.5)
@given(examples=4, seed=seeds(), batch=st.integers(1, 4), latent_size=st.integers(2, 20))
def test_gradients_of_forward_of_the_cvae(vae, vae_probes, seed, batch, latent_size):
    """All that training needs passes through forward: from x_hat to the decoder, both heads and the image."""
    world = World(latent_size, classes=5, seed=seed)
    assert_gradients_of_forward(vae_probes, vae.CVAE, world, pictures(batch, seed), classes_of(batch, 5))


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
