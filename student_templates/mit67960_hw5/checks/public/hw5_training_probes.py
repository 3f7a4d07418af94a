"""The training loops for the checks of questions 5 and 11. They run beside your notebook, on batches they are told."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hw5_probes import encoded, loss_of
from torch import Tensor, nn


class Trainee:
    """A VAE that learns from images ``(n, 1, H, W)``: every step is one of Adam's on `vae_loss`.

    The learning rate rises to ``learning_rate`` and falls again, over ``total_steps``."""

    def __init__(
        self, model: nn.Module, vae_loss: Callable[..., Tensor], images: Tensor, learning_rate: float, total_steps: int
    ) -> None:
        self.model, self.vae_loss, self.images = model.train(), vae_loss, images
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, learning_rate, total_steps=total_steps)

    def steps(self, batches: Tensor) -> Tensor:
        """Take one step for each row of indices ``(steps, batch)``; return the losses on the way, ``(steps,)``."""
        losses = []
        for batch in batches:
            x = self.images[batch]
            mu, logvar = encoded(self.model, x)
            x_hat = self.model.decode(self.model.reparameterize(mu, logvar))
            loss = loss_of(self.vae_loss, x_hat, x, mu, logvar)
            self.optimizer.zero_grad()
            if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
                loss.backward()
                self.optimizer.step()
                self.schedule.step()
            losses.append(loss.detach().float())
        return torch.stack(losses)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights of a model by name."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def with_weights(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """The model with these weights, in evaluation mode."""
    model.load_state_dict(weights)
    return model.eval()


def learn(p_losses: Callable[..., Tensor], model: nn.Module, images: Tensor, t: Tensor) -> float:
    """Let the gradient of your loss on images ``(B, C, H, W)`` flow to the model's parameters; return the loss."""
    loss = p_losses(model, images, t)
    if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
        loss.backward()
    return float(loss.detach())


def overfit(
    p_losses: Callable[..., Tensor], model: nn.Module, images: Tensor, times: Tensor, learning_rate: float
) -> nn.Module:
    """Train a model on the same few images at each row of times ``(steps, B)``, with Adam, and return it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    for t in times:
        optimizer.zero_grad()
        learn(p_losses, model, images, t)
        optimizer.step()
    return model.eval()
