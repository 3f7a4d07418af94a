"""Makes your models, and moves their parameters. No answer is here."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from autograder.sandbox.jailed.instruments import moved


def built(kind: type[nn.Module], arguments: Sequence[int], model: int) -> nn.Module:
    """A model of your class in evaluation mode, whose parameters have moved at random."""
    return moved(kind(*arguments).eval(), model)


def step(model: nn.Module) -> None:
    """A step of all parameters of your model."""
    moved(model, 1000)
