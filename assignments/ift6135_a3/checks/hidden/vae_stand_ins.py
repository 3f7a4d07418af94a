"""Trusted stand-ins for the blanks of the VAE that an item is not about.

Those of `encode` and `decode` use the weights that `vae_probes.plant` keeps on the model; where a check watches its
decoder, that of `decode` asks it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from autograder_proofs.oracles.gaussian import kl_to_standard_normal, negative_log_likelihood

from autograder.checks import Callback, StandIns, network_of_stand_ins

GAUSSIAN = "DiagonalGaussianDistribution"
PARAMETERS = ("mean", "logvar")
HEADS = ("features", "mean_weight", "mean_bias", "logvar_weight", "logvar_bias")
DECODER = ("decoder_weight", "decoder_bias", "bent")
IMAGE = (3, 32, 32)


def sample(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """A reparameterised sample; both sides restart their generators at every example."""
    return mean + logvar.exp().sqrt() * torch.randn(mean.shape, dtype=mean.dtype)


def kl(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """(batch,)."""
    return kl_to_standard_normal(mean, logvar).to(mean.dtype)


def nll(
    mean: torch.Tensor, logvar: torch.Tensor, sample: torch.Tensor, dims: Sequence[int] | int = (1, 2, 3)
) -> torch.Tensor:
    """The negative log-density of ``sample``, summed over ``dims``."""
    listed = (dims,) if isinstance(dims, int) else dims
    return negative_log_likelihood(sample, mean, logvar, listed).to(mean.dtype)


def mode(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """The mean."""
    return mean * 1.0


def encode(
    features: torch.Tensor,
    mean_weight: torch.Tensor,
    mean_bias: torch.Tensor,
    logvar_weight: torch.Tensor,
    logvar_bias: torch.Tensor,
    x: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and logvar (batch, z_dim) of images (batch, ...)."""
    h = x.flatten(1) @ features.T
    return h @ mean_weight.T + mean_bias, h @ logvar_weight.T + logvar_bias


def decode(weight: torch.Tensor, bias: torch.Tensor, bent: bool, z: torch.Tensor) -> torch.Tensor:
    """The mean of p(x|z) for latent vectors (batch, z_dim)."""
    network = network_of_stand_ins()
    if network is not None:
        return network(list(IMAGE), z)
    pixels = z.reshape(len(z), weight.shape[1]) @ weight.T
    return (bias + (pixels.asinh() if bent else pixels)).reshape(len(z), *IMAGE)


BLANKS: dict[str, tuple[str, Callback]] = {
    "vae.sample_gaussian": (f"{GAUSSIAN}.sample", Callback(sample, fields=PARAMETERS)),
    "vae.kl": (f"{GAUSSIAN}.kl", Callback(kl, fields=PARAMETERS)),
    "vae.nll": (f"{GAUSSIAN}.nll", Callback(nll, fields=PARAMETERS)),
    "vae.mode": (f"{GAUSSIAN}.mode", Callback(mode, fields=PARAMETERS)),
    "vae.encode": (
        "VAE.encode",
        Callback(encode, fields=tuple(f"world_{name}" for name in HEADS), construct=GAUSSIAN),
    ),
    "vae.decode": (
        "VAE.decode",
        Callback(decode, fields=tuple(f"world_{name}" for name in DECODER), construct=GAUSSIAN),
    ),
}
"""Items whose blanks others build on, with the place and the stand-in of each."""
ITEMS = (*BLANKS, "vae.sample", "vae.log_likelihood", "vae.forward", "vae.interpolate")

STAND_INS: dict[str, StandIns] = {
    item: {f"vae_solution.{place}": stand_in for other, (place, stand_in) in BLANKS.items() if other != item}
    for item in ITEMS
}
