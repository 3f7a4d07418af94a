"""Networks of a submission for which the trusted side answers; for probes, in the worker.

Which networks a method asks is found by running it, and shapes an experiment only: a network that was not found, or was
hidden, is not asked on the trusted side, which alone writes down what was.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from autograder.sandbox.jailed.questions import ExposedModule


def answer_for(part: nn.Module, shape: Sequence[int], answer: Callable[..., Tensor]) -> None:
    """Let ``answer(shape, ...)`` give the output of a network, ``shape`` for each of its inputs."""
    object.__setattr__(part, "forward", lambda *args, **kwargs: answer(list(shape), *args, **kwargs))


def answer_for_all(
    method: Callable[..., Any], answer: Callable[..., Tensor], *example: Any, inputs: int | None = None
) -> None:
    """Let ``answer(number, shape, ...)`` give what the networks give that ``method`` asks itself, numbered in order.

    They are found with an example. What has no parameters stays as it is, and so does what is exposed already, is asked
    for outputs of two shapes, or gets another number of ``inputs`` than is asked for.
    """
    shapes: dict[nn.Module, set[torch.Size]] = {}
    for part, given, shape in asked_by(method, *example):
        fits = inputs in (None, given.numel())
        if fits and not isinstance(part, ExposedModule) and next(part.parameters(), None) is not None:
            shapes.setdefault(part, set()).add(shape)
    for number, (part, found) in enumerate(shapes.items()):
        if len(found) == 1:
            answer_for(part, next(iter(found)), _numbered(answer, number))


def _numbered(answer: Callable[..., Tensor], number: int) -> Callable[..., Tensor]:
    return lambda shape, *args, **kwargs: answer(number, shape, *args, **kwargs)


@torch.no_grad()
def asked_by(method: Callable[..., Any], *example: Any) -> list[tuple[nn.Module, torch.Size, torch.Size]]:
    """The networks that a method asks itself, in order, not those within them; the shapes of one input and output."""
    inside: list[nn.Module] = []
    asked: list[tuple[nn.Module, torch.Size, torch.Size]] = []

    def enter(part: nn.Module, args: Any) -> None:
        inside.append(part)

    def leave(part: nn.Module, args: Any, output: Any) -> None:
        inside.pop()
        given = args[0] if args and isinstance(args[0], Tensor) else torch.empty(0)
        if not inside and isinstance(output, Tensor) and output.ndim > 1:
            asked.append((part, given.shape[1:], output.shape[1:]))

    hooks = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        method(*example)
    except Exception:  # what is wrong with the method will show in the check
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return asked


def without_dropout(model: nn.Module) -> nn.Module:
    """The model, in which layers of dropout let everything pass, in training as well."""
    for part in model.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0
    return model


@torch.no_grad()
def grown_up(model: nn.Module, *asks: Callable[[], Any]) -> nn.Module:
    """The model, whose lazy layers know their sizes once they have met inputs: by these questions."""
    for ask in asks:
        if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in model.parameters()):
            with contextlib.suppress(Exception):  # what is wrong will show in the check
                ask()
    return model


@torch.no_grad()
def moved(model: nn.Module, seed: int) -> nn.Module:
    """The model, all whose parameters have moved at random, by a step that suits the width of their layers."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad and not isinstance(parameter, nn.parameter.UninitializedParameter):
            inputs = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=1 / math.sqrt(inputs))
    return model


@torch.no_grad()
def with_weights(model: nn.Module, weights: str, seed: int) -> nn.Module:
    """The model, whose parameters are left as they are (``new``) or have moved at random (``moved``).

    Those that are ``large`` have moved, and are a hundred times as large: the last layer sees huge numbers.
    """
    if weights != "new":
        moved(model, seed)
    for parameter in model.parameters() if weights == "large" else ():
        if not isinstance(parameter, nn.parameter.UninitializedParameter):
            parameter.mul_(100)
    return model
