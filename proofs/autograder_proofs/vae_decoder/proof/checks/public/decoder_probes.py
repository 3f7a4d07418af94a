"""Makes your models, and moves or enlarges their parameters. No answer is here."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from autograder.sandbox.jailed.instruments import moved, with_weights


def built(kind: type[nn.Module], arguments: Sequence[int], weights: str, model: int) -> nn.Module:
    """A model of your class in evaluation mode, with new weights, or with moved or large ones."""
    return with_weights(kind(*arguments).eval(), weights, model)


def step(model: nn.Module) -> None:
    """A step of all parameters of your model."""
    moved(model, 1000)
