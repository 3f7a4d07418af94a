"""Trusted stand-ins for the blanks of `vae.py` that an item is not about."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.gaussian import kl_to_standard_normal
from torch.nn.functional import binary_cross_entropy

from autograder.checks import Callback, StandIns


def reparametrize(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """A reparameterised sample; the noise is not that of the worker, whose generator starts every example as ours."""
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    return mu + logvar.exp().sqrt() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


def loss_function(x_hat: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """The negative ELBO in float32: a training asks for it at every step."""
    if x_hat.shape != x.shape or mu.shape != logvar.shape or len(mu) != len(x):
        raise TypeError("x_hat must have the shape of x, mu and logvar (N, latent_size)")
    reconstruction = binary_cross_entropy(x_hat.clamp(0, 1), x, reduction="sum") / len(x)
    return reconstruction + kl_to_standard_normal(mu, logvar).mean().to(x.dtype)


REPARAMETRIZE: StandIns = {"vae.reparametrize": Callback(reparametrize)}
STAND_INS: dict[str, StandIns] = {
    "vae.forward": REPARAMETRIZE,
    "cvae.forward": REPARAMETRIZE,
    "vae.training": {**REPARAMETRIZE, "vae.loss_function": Callback(loss_function)},
}
