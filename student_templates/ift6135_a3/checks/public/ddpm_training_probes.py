"""Steps of training for the checks of your DDPM. They run beside your file."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
Times = Callable[[int, int], Tensor]


def learn(p_losses: Loss, t_sample: Times, model: nn.Module, images: Tensor, timesteps: int) -> float:
    """Let the gradient of your loss on images ``(batch, 3, H, W)`` flow to the model's parameters; return the loss."""
    loss = p_losses(model, images, t_sample(timesteps, len(images)))
    if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
        loss.backward()
    return float(loss.detach())


def overfit(
    p_losses: Loss, t_sample: Times, model: nn.Module, images: Tensor, timesteps: int, steps: int, learning_rate: float
) -> tuple[nn.Module, Tensor]:
    """Train a model on the same few images again and again, with Adam; return it and the losses, ``(steps,)``."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        losses.append(learn(p_losses, t_sample, model, images, timesteps))
        optimizer.step()
    return model.eval(), torch.tensor(losses)
