"""Sampling and loss: samples are statistics, the loss is minus a log-likelihood plus an average."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent

from autograder.checks import (
    CheckFailed,
    assert_close,
    assert_tensor,
    diagonal_gaussians,
    given,
    gradients,
    item,
    seeds,
)
from autograder.concepts.reparameterization import reparameterization

IMAGE = (1, 28, 28)

# vae.reparametrize


@reparameterization("vae.reparametrize", call="reparametrize(mu, logvar)")
def test_reparametrize(vae, mean, logvar):
    return vae.reparametrize(mean, logvar)


# vae.loss


def drawn_images(batch: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of ink, and images of black and white pixels."""
    generator = torch.Generator().manual_seed(seed)
    x_hat = 0.05 + 0.9 * torch.rand(batch, *IMAGE, generator=generator)
    return x_hat, (torch.rand(batch, *IMAGE, generator=generator) < 0.3).float()


@item("vae.loss", weight=2)
@given(examples=10, q=diagonal_gaussians(min_batch=3, max_batch=6), seed=seeds())
def test_the_loss_is_the_negative_elbo(vae, q, seed):
    """For black and white images the loss is -log p(x|z) + KL(q || N(0, I)), averaged over the images of the batch.

    p(x|z) has independent pixels that are ink with probability x_hat. The KL divergence is a Monte-Carlo mean of
    log q(z) - log p(z) whose noise is standardised: it has no Monte-Carlo error.
    """
    x_hat, x = drawn_images(len(q.mean), seed)
    got = vae.loss_function(x_hat, x, q.mean, q.logvar)
    pixels = Independent(Bernoulli(x_hat.double()), 3)
    per_image = -pixels.log_prob(x.double()) + q.log_ratio_to_standard_normal.mean(0)
    assert_close(got, per_image.mean(), name="the loss", scale=0.0)


@item("vae.loss", weight=1)
@given(examples=8, q=diagonal_gaussians(min_batch=3, max_batch=6), seed=seeds(), rows=st.integers(1, 2))
def test_images_add_up(vae, q, seed, rows):
    """Each image counts once: the loss of a batch is the average of the losses of its parts, weighted by their sizes.

    An image alone has a loss of its own, which is neither 0 nor that of another.
    """
    x_hat, x = drawn_images(len(q.mean), seed)
    parts = []
    for part in (slice(None, rows), slice(rows, None)):
        loss = vae.loss_function(x_hat[part], x[part], q.mean[part], q.logvar[part])
        parts.append(assert_tensor(loss, shape=(), name="the loss of a part of the batch").detach().double())
    if bool(parts[0] == parts[1]) or bool((torch.stack(parts) == 0).any()):
        raise CheckFailed("the loss does not depend on the images", got=f"{parts[0]:g} and {parts[1]:g} for two parts")
    whole = vae.loss_function(x_hat, x, q.mean, q.logvar)
    due = (rows * parts[0] + (len(x) - rows) * parts[1]) / len(x)
    assert_close(whole, due, name="the loss of the batch, next to that of its parts,", scale=parts[0].abs())


@item("vae.loss", weight=0.5)
@given(examples=5, q=diagonal_gaussians(requires_grad=True), seed=seeds())
def test_the_loss_can_be_trained_on(vae, q, seed):
    """Gradients reach x_hat, mu and logvar."""
    x_hat, x = drawn_images(len(q.mean), seed)
    x_hat.requires_grad_()
    loss = assert_tensor(vae.loss_function(x_hat, x, q.mean, q.logvar), shape=(), name="the loss")
    for gradient, name in zip(gradients(loss, [x_hat, q.mean, q.logvar]), ("x_hat", "mu", "logvar"), strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(f"no gradient of the loss reaches {name}")
