"""Trusted stand-ins for the parts of the VAE that an item is not about."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.checks import Callback, StandIns


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """A reparameterised sample, with noise of this side's generator, which a check may start anew."""
    return mu + logvar.exp().sqrt() * torch.randn(mu.shape, dtype=mu.dtype)


def vae_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The negative ELBO, for training; in float32, as a student's would be."""
    target = x.reshape(x_hat.shape)
    cross_entropy = torch.nn.functional.binary_cross_entropy(x_hat, target, reduction="sum")
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum()
    return (cross_entropy + divergence) / len(x)


STAND_INS: dict[str, StandIns] = {
    "q5.training": {
        "hw5.VAE.reparameterize": Callback(reparameterize, fields=()),
        "hw5.vae_loss": Callback(vae_loss),
    },
}
