"""The contract on losses that differ in all of their conventions."""

from __future__ import annotations

from autograder.checks import Reduction, Spread
from autograder.concepts.elbo_loss import Likelihood, elbo_loss


@elbo_loss("probabilities", call="vae_loss(x_hat, x, mu, logvar)", likelihood=Likelihood.BERNOULLI, shape=(1, 6, 7))
def test_vae_loss(loss, x_hat, x, mean, logvar):
    return loss.vae_loss(x_hat, x, mean, logvar)


@elbo_loss(
    "logits",
    call="losses(logits, images, mean, std)",
    likelihood=Likelihood.LOGITS,
    shape=(3, 5, 4),
    flat=True,
    spread=Spread.STD,
    over_rows=Reduction.NONE,
)
def test_losses(loss, x_hat, x, mean, logvar):
    return loss.losses(x_hat, x, mean, logvar)["loss"]


@elbo_loss(
    "errors",
    call="beta_loss(x_hat, x, mu, logvar)",
    likelihood=Likelihood.SQUARED_ERROR,
    shape=(20,),
    over_pixels=Reduction.MEAN,
    over_latents=Reduction.MEAN,
    over_rows=Reduction.SUM,
    beta=0.25,
)
def test_beta_loss(loss, x_hat, x, mean, logvar):
    return loss.beta_loss(x_hat, x, mean, logvar)
