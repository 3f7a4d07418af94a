"""A small base encoder and the training loop for the checks of your SimSiam. They run beside your file."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

WIDTH = 128
PIXELS = 3 * 16 * 16


class SmallEncoder(nn.Module):
    """Two hidden layers; the arguments of a ResNet, images ``(batch, 3, 16, 16)``, last layer ``.fc``."""

    def __init__(self, num_classes: int = 10, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(PIXELS, WIDTH, bias=False),
            nn.BatchNorm1d(WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH, bias=False),
            nn.BatchNorm1d(WIDTH),
            nn.ReLU(),
        )
        self.fc = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x))


class Trainee:
    """A SimSiam that learns from pairs of views, by SGD with momentum and a cosine schedule over all steps."""

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor], learning_rate: float, steps: int) -> None:
        self.model = model
        self.loss = loss
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.SGD(trained, lr=learning_rate, momentum=0.9, weight_decay=1e-4)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)

    def steps(self, first: Tensor, second: Tensor) -> Tensor:
        """Take one step for each pair of batches ``(steps, batch, 3, 16, 16)``; return the losses, ``(steps,)``."""
        self.model.train()
        losses = []
        for x1, x2 in zip(first, second, strict=True):
            p1, p2, z1, z2 = self.model(x1, x2)
            loss = self.loss(p1, p2, z1, z2)
            self.optimizer.zero_grad()
            if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
                loss.backward()
            self.optimizer.step()
            self.schedule.step()
            losses.append(loss.detach())
        return torch.stack(losses)
