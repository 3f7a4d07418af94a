"""Functions of the trusted side that stand for a network of the submission, and what they were asked.

What a network saw is evidence only where it was written down on this side; a probe beside the submission could lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from autograder.sandbox.remote import lend

MAX_SEEN_BYTES = 256 * 2**20
"""What one network may make this side remember: how often it is asked is up to the submission."""
MAX_PENDING = 256
"""Calls whose gradient may still come: some code asks a network about one input at a time."""


class Watched:
    """A known network: ``lent`` is what a submission gets, ``seen`` what it was given, one entry for each call.

    ``function`` gets the shape that the network's output has for one input, and its input, flat: ``(batch, numbers)``,
    the first tensor among the arguments. It returns ``(batch, anything)``, which is shaped as asked.
    """

    def __init__(self, function: Callable[[tuple[int, ...], Tensor], Tensor]) -> None:
        self._function = function
        self._seen_bytes = 0
        self.seen: list[Tensor] = []
        self.lent = lend(self, pending=MAX_PENDING)

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


def _first_tensor(values: Any) -> Tensor | None:
    """The first tensor among values, also in a list or a tuple."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, list | tuple):
        return next((found for value in values if (found := _first_tensor(value)) is not None), None)
    return None
