"""Question 4 against closed forms in float64, with other sizes, and with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.bernoulli import negative_elbo
from mit67960_hw5.checks.public.test_hw5_vae import (
    loss_of,
    pictures,
)

from autograder.checks import (
    CheckFailed,
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

# q4.vae.loss


@item("q4.vae.loss", weight=2)
@given(examples=10, q=diagonal_gaussians(min_batch=1, max_batch=7, requires_grad=True), seed=seeds())
def test_the_loss_of_grey_images_and_its_gradients(hw5, q, seed):
    """The loss is right for grey images, any number of them and any logvar, and so are its three gradients."""
    batch = len(q.mean)
    x_hat = (0.05 + 0.9 * pictures(batch, seed=seed).flatten(1)).requires_grad_()
    x = pictures(batch, seed=seed + 1)
    got = loss_of(hw5.vae_loss, x_hat, x, q.mean, q.logvar)
    leaves = [leaf.detach().double().requires_grad_() for leaf in (x_hat, q.mean, q.logvar)]
    truth = negative_elbo(leaves[0], x.flatten(1), *leaves[1:])
    assert_close(got, truth, scale=0.0)
    expected = torch.autograd.grad(truth, leaves)
    assert_gradients_close(gradients(got, [x_hat, q.mean, q.logvar]), expected, ["x_hat", "mu", "logvar"])
    sure = x_hat.detach().clone()
    sure.view(batch, -1)[:, ::20], sure.view(batch, -1)[:, 10::20] = 0.001, 0.999
    got = assert_tensor(loss_of(hw5.vae_loss, sure, x, q.mean, q.logvar), shape=()).double()
    truth = negative_elbo(sure, x.flatten(1), q.mean.detach(), q.logvar.detach())
    if exceeds((got - truth).abs(), 0.01 * truth):  # a small constant in the logarithm stays below that
        raise CheckFailed("the loss is wrong where x_hat is 0.001 or 0.999: are probabilities cut off?")


@item("q4.vae.loss", weight=1)
@given(examples=5, q=diagonal_gaussians(min_batch=3, max_batch=4, min_dim=5, max_dim=40), seed=seeds())
def test_reconstruction_and_divergence_have_the_same_weight(hw5, q, seed):
    """One reconstruction under two posteriors: the losses differ by as much as the divergences do."""
    x_hat, x = 0.05 + 0.9 * pictures(len(q.mean), seed=seed).flatten(1), pictures(len(q.mean), seed=seed + 1)
    both = ((q.mean, q.logvar), (2 * q.mean, q.logvar + 1.5))
    losses = [assert_tensor(loss_of(hw5.vae_loss, x_hat, x, *of), shape=(), name="the loss").double() for of in both]
    truths = [negative_elbo(x_hat, x.flatten(1), *of) for of in both]
    assert_close(losses[1] - losses[0], truths[1] - truths[0], scale=truths[0].abs())
