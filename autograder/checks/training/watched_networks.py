"""Functions of the trusted side that stand for a network of the submission, and what they were asked.

What a network saw is evidence only where it was written down on this side; a probe next to the submission could lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autograder.sandbox.trusted.remote import expose

MAX_SEEN_BYTES = 256 * 2**20
"""What one network may make this side remember: how often it is asked is up to the submission."""
MAX_PENDING = 256
"""Calls whose gradient may still come: some code asks a network about one input at a time."""

MIXED = 8
"""So many inputs, or more where there are fewer outputs, are in each number of an answer of `WatchedNetworks`."""
MAX_MIXED = 2**26


class Watched:
    """A known network: ``exposed`` is what a submission gets, ``seen`` what it was given, one entry for each call.

    ``function`` gets the shape that the network's output has for one input, and its input, flat: ``(batch, numbers)``,
    the first tensor among the arguments. It returns ``(batch, anything)``, which is shaped as asked.
    """

    def __init__(self, function: Callable[[tuple[int, ...], Tensor], Tensor]) -> None:
        self._function = function
        self._seen_bytes = 0
        self.seen: list[Tensor] = []
        self.exposed = expose(self, pending=MAX_PENDING)

    def seen_for(self, batch: int) -> Tensor | None:
        """What the last calls got for a batch of inputs, together or in parts; None where they got none or others."""
        rows = torch.cat(self.seen)[-batch:] if self.seen and len({part.shape[1] for part in self.seen}) == 1 else None
        return rows if rows is not None and len(rows) == batch else None

    def __call__(self, shape: list[int], *args: Any, **kwargs: Any) -> Tensor:
        """Record a call, and answer it; raise `TypeError` for what is no batch of floats."""
        given = _first_tensor([*args, *kwargs.values()])
        if given is None or given.ndim == 0 or len(given) == 0 or not given.is_floating_point():
            raise TypeError("a network needs a batch of inputs: a tensor of floats")
        flat = given.reshape(len(given), -1)
        self._seen_bytes += flat.nbytes
        if self._seen_bytes > MAX_SEEN_BYTES:
            raise TypeError("the network was asked more than any check needs")
        self.seen.append(flat.detach().clone())
        return self._function(tuple(shape), flat).to(given.dtype).reshape(len(given), *shape)


_ASKED_HERE: ContextVar[Watched | None] = ContextVar("asked_here", default=None)


@contextmanager
def asked_by_stand_ins(network: Watched) -> Iterator[None]:
    """Let stand-ins ask ``network`` inside the block: what they decode is recorded with what a submission decodes."""
    token = _ASKED_HERE.set(network)
    try:
        yield
    finally:
        _ASKED_HERE.reset(token)


def network_of_stand_ins() -> Watched | None:
    """The network that a stand-in should ask, None where no check says one."""
    return _ASKED_HERE.get()


@dataclass(frozen=True, eq=False)
class Asked:
    """One call of a network: which one it was, what it was given and what it gave, flat: ``(batch, numbers)``."""

    number: int
    given: Tensor
    answer: Tensor


class WatchedNetworks:
    """Known maps for all networks that a method asks itself: ``exposed(number, shape, ...)`` answers for each of them.

    An answer mixes what is given, with weights that differ by network and that a submission does not know. ``calls``
    has all calls, in order. Networks among ``constant`` give for every input what they give for the first: what still
    differs from input to input came another way.
    """

    def __init__(self, generator: torch.Generator, *, gain: float = 1.0) -> None:
        """Answers are ``gain`` times as large as what is given, about."""
        self._gain = gain
        self._seed = int(torch.randint(2**31, (), generator=generator))
        self._bytes = 0
        self.calls: list[Asked] = []
        self.constant: set[int] = set()
        self.exposed = expose(self, pending=MAX_PENDING)

    def forget(self) -> None:
        """Forget all calls."""
        self.calls, self._bytes = [], 0

    def given(self, inputs: Tensor) -> set[int]:
        """The networks that got these inputs ``(batch, numbers)``, up to one factor and one summand for all."""
        return {call.number for call in self.calls if _is_scaled(call.given, inputs)}

    def of_width(self, batch: int, numbers: int) -> dict[int, Tensor]:
        """What networks got last that were given so many numbers for each of a batch of inputs, by network."""
        return {call.number: call.given for call in self.calls if call.given.shape == (batch, numbers)}

    def __call__(self, number: int, shape: list[int], *args: Any, **kwargs: Any) -> Tensor:
        """Record a call, and answer it; raise `TypeError` for what is no batch of floats."""
        given = _first_tensor([*args, *kwargs.values()])
        if given is None or given.ndim == 0 or len(given) == 0 or not given.is_floating_point():
            raise TypeError("a network needs a batch of inputs: a tensor of floats")
        flat = given.reshape(len(given), -1)
        answer = self._mixed(number, flat, math.prod(shape))
        if number in self.constant:
            answer = answer[:1].expand(answer.shape)
        self._bytes += flat.nbytes + answer.nbytes
        if self._bytes > MAX_SEEN_BYTES:
            raise TypeError("the networks were asked more than any check needs")
        self.calls.append(Asked(number, flat.detach().clone(), answer.detach().clone()))
        return answer.to(given.dtype).reshape(len(given), *shape)

    def _mixed(self, number: int, flat: Tensor, outputs: int) -> Tensor:
        """Sums of some inputs with random signs, ``(batch, outputs)``."""
        inputs = flat.shape[1]
        count = min(inputs, max(MIXED, MIXED * inputs // max(outputs, 1)))
        if outputs * count * len(flat) > MAX_MIXED:
            raise TypeError("the network has more inputs and outputs than any check needs")
        generator = torch.Generator().manual_seed(self._seed + number)
        chosen = torch.randint(inputs, (outputs, count), generator=generator)
        signs = torch.randint(2, (outputs, count), generator=generator) * 2 - 1
        return (flat[:, chosen] * signs).sum(2) * (self._gain / math.sqrt(count))


def _is_scaled(found: Tensor, inputs: Tensor) -> bool:
    """Whether found numbers are a line of some inputs, not a level one."""
    if found.shape != inputs.shape:
        return False
    y, x = (part.double() - part.double().mean() for part in (found, inputs))
    slope = (x * y).sum() / x.square().sum()
    return bool(slope.abs() > 0) and bool((y - slope * x).abs().max() <= 1e-3 * y.abs().max())


def _first_tensor(values: Any) -> Tensor | None:
    """The first tensor among values, also in a list or a tuple."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, list | tuple):
        return next((found for value in values if (found := _first_tensor(value)) is not None), None)
    return None
