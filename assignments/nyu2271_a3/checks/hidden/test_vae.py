"""Part A against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.bernoulli import negative_elbo
from nyu2271_a3.checks.public.test_vae_models import (
    classes_of,
    heads_of,
    noise,
    pictures,
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
