"""The training loop for the checks of your VAE. It runs beside your file, on the batches that it is told to take."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Trainee:
    """A model that learns from images ``(n, 3, H, W)``: every step is one of Adam's on the mean of nll + kl."""

    def __init__(self, model: nn.Module, images: Tensor, learning_rate: float) -> None:
        self.model = model.train()
        self.images = images
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

    def steps(self, batches: Tensor) -> Tensor:
        """Take one step for each row of indices ``(steps, batch)``; return the losses on the way, ``(steps,)``."""
        losses = []
        for batch in batches:
            _, nll, kl = self.model(self.images[batch])
            loss = (nll + kl).mean()
            self.optimizer.zero_grad()
            if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
                loss.backward()
                self.optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights of a model by name."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def with_weights(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """The model with these weights, in evaluation mode."""
    model.load_state_dict(weights)
    return model.eval()
