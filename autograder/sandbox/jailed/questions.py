"""What submitted code asks the trusted side in the middle of a request: stand-ins of its functions, exposed models."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.sandbox.shared.values import Decoder, Encoder
from autograder.sandbox.shared.wire import Frame

Upcall = Callable[[Any, list[memoryview]], Frame]
"""Sends a question to the trusted side in the middle of a request, and returns its answer."""

PLAIN = (bool, int, float, str, type(None), tuple, list, dict, np.ndarray, np.generic, torch.dtype, torch.device)
"""What is sent as what it is; of anything else the trusted side gets a handle."""


class Questions:
    """Asks by an upcall; ``keep`` gives an object of the submission a handle."""

    def __init__(self, upcall: Upcall, keep: Callable[[Any], int]) -> None:
        self._upcall, self._keep = upcall, keep

    def call_trusted(
        self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any], anchor: torch.Tensor | None = None
    ) -> Any:
        """Ask the trusted side for a callback's answer; gradients flow through it.

        With an ``anchor``, a tensor that requires a gradient, they flow to the trusted side whatever the arguments.
        """
        tensors: list[torch.Tensor] = []

        def special(value: Any, encoder: Encoder) -> Any:
            if isinstance(value, torch.Tensor):
                tensors.append(value)
                return encoder.tensor(value, [len(tensors) - 1, bool(value.requires_grad)])
            return None if isinstance(value, PLAIN) else ["o", self._keep(value), type(value).__name__]

        encoder = Encoder(special)
        question = {"k": "callback", "number": number, "args": encoder.encode(args), "kwargs": encoder.encode(kwargs)}
        answer = self._ask(question, encoder.buffers)
        outputs: list[torch.Tensor] = []

        def collect(value: torch.Tensor, info: Any) -> torch.Tensor:
            outputs.append(value)
            return value

        value = Decoder(answer.payload, None, collect).decode(answer.header["v"])
        learns = anchor is not None or any(tensor.requires_grad for tensor in tensors)
        if not torch.is_grad_enabled() or not learns:
            return value
        wired = _Wired.apply(self, answer.header["call"], len(outputs), anchor, *outputs, *tensors)
        mapping = {id(plain): live for plain, live in zip(outputs, wired, strict=True)}
        if isinstance(value, torch.Tensor):
            return mapping[id(value)]
        return type(value)(mapping.get(id(part), part) for part in value) if isinstance(value, (tuple, list)) else value

    def product(self, call: int, cotangents: tuple[torch.Tensor | None, ...]) -> list[torch.Tensor | None]:
        """Ask the trusted side for a callback's vector-Jacobian product."""
        encoder = Encoder()
        question = {"k": "product", "call": call, "cotangents": encoder.encode(list(cotangents))}
        answer = self._ask(question, encoder.buffers)
        return Decoder(answer.payload).decode(answer.header["v"])  # type: ignore[no-any-return]

    def _ask(self, question: Any, buffers: list[memoryview]) -> Frame:
        answer = self._upcall(question, buffers)
        if answer.header.get("k") != "answer":
            raise TypeError(str(answer.header.get("text", "the stand-in gave no answer")))
        return answer


def stand_in_of(questions: Questions, spec: dict[str, Any], module: types.ModuleType, own: Any) -> Callable[..., Any]:
    """Stand for the submission's ``own`` function, whose arguments may have names that only it knows."""
    fields: list[str] | None = spec["fields"]
    known: list[str] | None = spec["names"]

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        if known is not None and not kwargs.keys() <= set(known):
            args, kwargs = _in_order(own, args, kwargs)
        if known is not None:
            args, kwargs = _understood(own, known, len(known) + (fields is not None), args, kwargs)
        if fields is not None:
            args = (*(getattr(args[0], name) for name in fields), *args[1:])
        try:
            value = questions.call_trusted(spec["number"], args, kwargs)
        except TypeError as error:
            raise TypeError(f"{stand_in.__name__}() cannot use what it was given: {error}") from None
        if not spec["construct"]:
            return value
        parts = value if isinstance(value, tuple) else (value,)
        return getattr(module, spec["construct"])(*parts)

    stand_in.__name__ = stand_in.__qualname__ = spec["path"].rpartition(".")[2]
    return stand_in


def _in_order(own: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments by position as a function's own signature has them, up to the last that is given."""
    try:
        signature = inspect.signature(own)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):  # what cannot be bound is told by whoever gets it
        return args, kwargs
    names = list(signature.parameters)
    given = names[: 1 + max((names.index(name) for name in bound.arguments), default=-1)]
    bound.apply_defaults()
    ordered = [parameter for name, parameter in signature.parameters.items() if name in given]
    if any(parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in ordered):
        return args, kwargs
    return tuple(bound.arguments[parameter.name] for parameter in ordered), {}


def _understood(
    own: Any, known: list[str], most: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments without those that only the submission's own function has; all, where that takes none such."""
    if len(args) <= most and kwargs.keys() <= set(known):
        return args, kwargs
    try:
        inspect.signature(own).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return args, kwargs
    return args[:most], {name: value for name, value in kwargs.items() if name in known}


class ExposedModule(torch.nn.Module):
    """A model that stays on the trusted side: every call is a question, and so is every gradient of its outputs."""

    def __init__(self, questions: Questions, number: int) -> None:
        super().__init__()
        self._ask = functools.partial(questions.call_trusted, number)
        self.anchor = torch.nn.Parameter(torch.zeros(()))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the model's output for these arguments."""
        return self._ask(args, kwargs, self.anchor)


class _Wired(torch.autograd.Function):
    """Gives the outputs of a callback their gradient: the product is computed on the trusted side."""

    @staticmethod
    def forward(
        ctx: Any, questions: Questions, call: int, count: int, anchor: torch.Tensor | None, *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.questions, ctx.call, ctx.count = questions, call, count
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[Any, ...]:
        return (None, None, None, None, *[None] * ctx.count, *ctx.questions.product(ctx.call, cotangents))
