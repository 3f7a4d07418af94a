"""The training loop for the checks of your VAE and CVAE. It runs beside your file, on the batches that it is told."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Trainee:
    """A model that learns from images ``(n, 1, 28, 28)`` with Adam, by your loss.

    Classes ``(n, C)`` are one-hot, and None for a model that knows of none.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_function: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
        images: Tensor,
        classes: Tensor | None,
        learning_rate: float,
    ) -> None:
        self.model = model.train()
        self.loss_function = loss_function
        self.images = images
        self.classes = classes
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

    def steps(self, batches: Tensor) -> Tensor:
        """Take one step for each row of indices ``(steps, batch)``; return the losses on the way, ``(steps,)``."""
        losses = []
        for batch in batches:
            x = self.images[batch]
            x_hat, mu, logvar = self.model(x) if self.classes is None else self.model(x, self.classes[batch])
            loss = self.loss_function(x_hat, x, mu, logvar)
            self.optimizer.zero_grad()
            if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
                loss.backward()
                self.optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights of a model by name."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def load(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give these weights to a model."""
    model.load_state_dict(weights)
