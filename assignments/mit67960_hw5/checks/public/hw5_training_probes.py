"""What the checks of training minimise: vae_loss and p_losses. They run beside your notebook."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hw5_probes import encoded, loss_of
from torch import Tensor, nn

from autograder.sandbox.jailed.trainee import Trainee


def trainee(model: nn.Module, vae_loss: Callable[..., Tensor]) -> Trainee:
    """A VAE that learns by `vae_loss` from images ``(n, 1, H, W)``."""

    def loss(x: Tensor) -> Tensor:
        mu, logvar = encoded(model, x)
        return loss_of(vae_loss, model.decode(model.reparameterize(mu, logvar)), x, mu, logvar)

    return Trainee(model, loss)


def denoiser(model: nn.Module, p_losses: Callable[..., Tensor], timesteps: int) -> Trainee:
    """A network that learns by `p_losses` from images ``(B, C, H, W)``, at times that are drawn here."""
    return Trainee(model, lambda x: p_losses(model, x, torch.randint(0, timesteps, (len(x),))))
