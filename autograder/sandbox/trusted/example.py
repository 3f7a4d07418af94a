"""The state of one example of a check: tensors sent, calls made, replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from autograder.sandbox.trusted.remote import is_remote
from autograder.sandbox.trusted.signatures import Signatures

MAX_REMEMBERED_BYTES = 32 * 2**20
"""Replies of one example that are kept to be compared with those of known mistakes: two batches of 4,096 images."""


@dataclass(frozen=True)
class ProbeWords:
    """What a function of a probe does, in words for students, the file that it is in, and its arguments' names."""

    words: str
    file: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call as reports show it; ``origin`` is the call that made the object it is a method of.

    A call of a probe, which no student has written, is told in the ``probe``'s words.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    origin: Call | None = None
    place: str = ""
    """Module and name of what was called, where it is known."""
    probe: ProbeWords | None = None
    signatures: Signatures | None = None

    @property
    def text(self) -> str:
        """The call as one would write it, ``VAE(...).encode(...)``, or what a probe does."""
        if self.probe is not None:
            return f"{self.probe.words} (`{self.name}` in {self.probe.file})"
        called = f"{self.name}({'...' if self.arguments else ''})"
        if self.origin is None:
            return called
        if self.origin.probe is not None:
            return f"{called} of this object: {self.origin.text}"
        return f"{self.origin.text}.{called}"

    @property
    def inputs(self) -> tuple[tuple[str, Any], ...]:
        """Labels and values of all arguments, those of the object's making first.

        A probe is often handed the submission's own functions and models: its words name them, and they are left out.
        """
        before = self.origin.inputs if self.origin is not None else ()
        names = {f"argument {number}": name for number, name in enumerate(self._parameters, start=1)}
        named = [(names.get(label, label), value) for label, value in self.arguments]
        shown = [(label, value) for label, value in named if not (self.probe and _is_handed_over(value))]
        return (*before, *((f"{self.name}: {label}" if self.origin else label, value) for label, value in shown))

    @property
    def _parameters(self) -> tuple[str, ...]:
        """The names of positional arguments, as whoever wrote the function calls them."""
        if self.probe is not None:
            return self.probe.parameters
        return self.signatures.of(self.place) if self.signatures is not None else ()


def _is_handed_over(value: Any) -> bool:
    return is_remote(value) or (isinstance(value, (list, tuple)) and bool(value) and all(map(is_remote, value)))


@dataclass(frozen=True)
class Raised:
    """A reply that was no value: what was said of it, and whether it is only that nothing is written there yet."""

    summary: str
    unwritten: bool = False


@dataclass(frozen=True)
class Asked:
    """A reply that only says whether a name is there: how code is cut into parts, and nothing of what it computes."""

    found: bool


@dataclass
class Example:
    """What belongs to one example: tensors sent as leaves, calls made, replies."""

    leaves: dict[int, tuple[torch.Tensor, int]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    origins: dict[int, Call] = field(default_factory=dict)
    constants: dict[tuple[str, str], int | float] = field(default_factory=dict)
    """Numbers among a module's globals that were asked for, by module and name: such as a submission may choose."""
    replies: list[Any] | None = field(default_factory=list)
    """What came back, in order; None once it was too much to keep."""
    replied_bytes: int = 0
    enough: int | None = None
    """How many replies are wanted; one more ends the check."""

    def remember(self, reply: Any) -> None:
        """Keep a reply; raise `EnoughReplies` where no more were wanted."""
        if self.replies is None:
            return
        self.replied_bytes += size_of(reply)
        if self.replied_bytes > MAX_REMEMBERED_BYTES:
            self.replies = None
        else:
            self.replies.append(reply)
            if self.enough is not None and len(self.replies) > self.enough:
                raise EnoughReplies


class EnoughReplies(BaseException):
    """Ends a check whose replies are only compared with fewer. Not an `Exception`, so that no check goes on."""


def size_of(value: Any) -> int:
    """Bytes of the tensors, arrays and texts in a value, at least one for each entry."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size() + 1
    if isinstance(value, np.ndarray):
        return int(value.nbytes) + 1
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value)) + 1
    if isinstance(value, dict):
        return sum(size_of(key) + size_of(entry) for key, entry in value.items()) + 1
    return len(value) + 1 if isinstance(value, str) else 1
