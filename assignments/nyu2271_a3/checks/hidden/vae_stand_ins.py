"""Trusted stand-ins for the blanks of `vae.py` that an item is not about."""

from __future__ import annotations

import torch

from autograder.checks import Callback, StandIns


def reparametrize(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """A reparameterised sample; the noise is not that of the worker, whose generator starts every example as ours."""
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    return mu + logvar.exp().sqrt() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


REPARAMETRIZE: StandIns = {"vae.reparametrize": Callback(reparametrize)}
STAND_INS: dict[str, StandIns] = {"vae.forward": REPARAMETRIZE, "cvae.forward": REPARAMETRIZE}
