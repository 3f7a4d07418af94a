"""The training loop, which runs beside a submission on the batches that it is given; for probes, in the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Trainee:
    """A model that learns by ``loss``, a function of a batch: the model's own, or one that asks it.

    A loss without a gradient teaches nothing, which a measurement will show: the loop goes on.
    """

    def __init__(self, model: nn.Module, loss: Callable[..., Tensor]) -> None:
        self.model, self.loss = model, loss

    def learn(self, *batch: Tensor) -> float:
        """Let the gradient of the loss of a batch flow to what the loss asks; return the loss."""
        loss = self.loss(*batch)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def begin(self, data: Sequence[Tensor], learning_rate: float, cycle: int = 0) -> None:
        """Start to learn from ``data``, tensors with one row for each example, with Adam.

        The learning rate stays, or rises to ``learning_rate`` and falls again within ``cycle`` steps.
        """
        self.data = data
        self.optimizer = torch.optim.Adam(self.model.train().parameters(), lr=learning_rate)
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(self.optimizer, learning_rate, total_steps=cycle) if cycle else None
        )

    def steps(self, batches: Tensor) -> Tensor:
        """Take one step for each row of indices ``(steps, batch)``; return the losses on the way, ``(steps,)``."""
        return torch.tensor([self._step(batch) for batch in batches])

    def _step(self, batch: Tensor) -> float:
        loss = self.loss(*(part[batch] for part in self.data))
        self.optimizer.zero_grad()
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            if self.schedule is not None:
                self.schedule.step()
        return float(loss.detach())

    def weights(self) -> dict[str, Tensor]:
        """All weights of the model by name."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Give the model these weights, and put it into evaluation mode."""
        self.model.load_state_dict(weights)
        self.model.eval()
