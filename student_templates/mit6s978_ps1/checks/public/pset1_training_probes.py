"""The training loop for the checks of your models. It runs beside your notebook, on the batches that it is given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Regulariser = Callable[[dict[str, Tensor]], Tensor]


class Trainee:
    """A model that learns from flat inputs ``(n, width)``.

    Every step is one of Adam's on the mean squared error of the reconstructions, less ``coeff`` times the mean of
    ``reg_func(output)`` where there is one.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        learning_rate: float,
        reg_func: Regulariser | None = None,
        coeff: float = 1e-3,
    ) -> None:
        self.model = model.train()
        self.inputs = inputs
        self.reg_func = reg_func
        self.coeff = coeff
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

    def steps(self, batches: Tensor) -> Tensor:
        """Take one step for each row of indices ``(steps, batch)``; return the losses on the way, ``(steps,)``."""
        losses = []
        for batch in batches:
            x = self.inputs[batch]
            output = self.model(x)
            loss = (output["imgs"] - x).square().mean()
            if self.reg_func is not None:
                loss = loss - self.coeff * self.reg_func(output).mean()
            losses.append(self._step(loss))
        return torch.stack(losses)

    def _step(self, loss: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
            loss.backward()
            self.optimizer.step()
        return loss.detach()


class OwnTrainee(Trainee):
    """A model that learns from its own `loss`."""

    def steps(self, batches: Tensor) -> Tensor:
        """Take one step for each row of indices ``(steps, batch)``; return the losses on the way, ``(steps,)``."""
        return torch.stack([self._step(self.model.loss(self.inputs[batch])) for batch in batches])


def weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights of a model by name."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def with_weights(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """The model with these weights, in evaluation mode."""
    model.load_state_dict(weights)
    return model.eval()


@torch.no_grad()
def output_of(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What `forward` returns."""
    return model(x)


@torch.no_grad()
def decoded(model: nn.Module, z: Tensor) -> Tensor:
    """What a VAE, or the VAE inside of a model, decodes."""
    for name in ("decode", "decoder"):
        for part in model.modules():
            if callable(decode := getattr(part, name, None)):
                return decode(z)
    raise LookupError("no part of the model has a method decode, or a decoder")


@torch.no_grad()
def paths(model: nn.Module, starts: Tensor, ends: Tensor, steps: int) -> list[Tensor]:
    """The path of a model between each pair of points."""
    return [model.path(start, end, steps) for start, end in zip(starts, ends, strict=True)]
