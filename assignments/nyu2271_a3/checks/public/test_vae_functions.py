"""Sampling and loss: samples are statistics, the loss is minus a log-likelihood plus an average."""

from __future__ import annotations

from autograder.concepts.elbo_loss import Likelihood, elbo_loss
from autograder.concepts.reparameterization import reparameterization

# vae.reparametrize


@reparameterization("vae.reparametrize", call="reparametrize(mu, logvar)")
def test_reparametrize(vae, mean, logvar):
    return vae.reparametrize(mean, logvar)


# vae.loss


@elbo_loss("vae.loss", call="loss_function(x_hat, x, mu, logvar)", likelihood=Likelihood.BERNOULLI)
def test_loss_function(vae, x_hat, x, mean, logvar):
    return vae.loss_function(x_hat, x, mean, logvar)
