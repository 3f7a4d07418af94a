"""Trusted stand-ins for the parts of the VAE that an item is not about: one fixed affine world of 784 pixels."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from autograder.checks import Callback, StandIns

PIXELS, Z_DIMS = 784, 6


@cache
def _weights() -> tuple[Tensor, Tensor, Tensor]:
    """Of both heads (784, 6), and of the decoder (6, 784)."""
    generator = torch.Generator().manual_seed(67960)
    heads = torch.randn(2, PIXELS, Z_DIMS, generator=generator, dtype=torch.float64) / 12
    return heads[0], heads[1], torch.randn(Z_DIMS, PIXELS, generator=generator, dtype=torch.float64) / 2


def encode(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of images of 784 pixels, in any shape."""
    if not isinstance(x, Tensor) or x.numel() != len(x) * PIXELS:
        raise TypeError("encode needs images of 784 pixels")
    mu, logvar, _ = _weights()
    flat = x.flatten(1).double() - 0.5
    return (flat @ mu).to(x.dtype), (flat @ logvar - 0.5).to(x.dtype)


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """A reparameterised sample, with noise of this side's generator, which a check may start anew."""
    return mu + logvar.exp().sqrt() * torch.randn(mu.shape, dtype=mu.dtype)


def decode(z: Tensor) -> Tensor:
    """Images (B, 784) with values in (0, 1)."""
    if not isinstance(z, Tensor) or z.ndim != 2 or z.shape[1] != Z_DIMS:
        raise TypeError(f"decode needs codes of shape (B, {Z_DIMS})")
    return (z.double() @ _weights()[2]).sigmoid().to(z.dtype)


def vae_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The negative ELBO, for training; in float32, as a student's would be."""
    target = x.reshape(x_hat.shape)
    cross_entropy = torch.nn.functional.binary_cross_entropy(x_hat, target, reduction="sum")
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).sum()
    return (cross_entropy + divergence) / len(x)


STAND_INS: dict[str, StandIns] = {
    "q4.vae.forward": {
        "hw5.VAE.encode": Callback(encode, fields=()),
        "hw5.VAE.reparameterize": Callback(reparameterize, fields=()),
        "hw5.VAE.decode": Callback(decode, fields=()),
    },
    "q5.training": {
        "hw5.VAE.reparameterize": Callback(reparameterize, fields=()),
        "hw5.vae_loss": Callback(vae_loss),
    },
}
