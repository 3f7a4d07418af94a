"""What the checks of training minimise, and what they ask your models. It runs beside your notebook."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from autograder.sandbox.jailed.trainee import Trainee

Regulariser = Callable[[dict[str, Tensor]], Tensor]


def trainee(model: nn.Module, reg_func: Regulariser | None = None, coeff: float = 1e-3) -> Trainee:
    """A model that learns from flat inputs ``(n, width)``.

    Its loss is the mean squared error of the reconstructions, less ``coeff`` times the mean of ``reg_func(output)``
    where there is one.
    """

    def loss(x: Tensor) -> Tensor:
        output = model(x)
        error = (output["imgs"] - x).square().mean()
        return error if reg_func is None else error - coeff * reg_func(output).mean()

    return Trainee(model, loss)


def own_trainee(model: nn.Module) -> Trainee:
    """A model that learns from its own `loss`."""
    return Trainee(model, model.loss)


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
