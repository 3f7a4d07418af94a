"""Stand-ins for blanks of other items: constants, or callbacks that run on the trusted side.

A stand-in is bound in the worker right after the statement that defines its name, so that captured defaults see it.
No code is shipped: the worker knows a callback by its number, sends what it was called with, and gets the answer;
tensors among the answers carry gradients, whose products are computed on the trusted side as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Constant:
    """A fixed value in the place of a module's global."""

    value: Any


@dataclass(frozen=True)
class Callback:
    """A function on the trusted side in the place of a function or method.

    ``function`` gets the positional and keyword arguments of the call; for a method, ``fields`` names the attributes
    of ``self`` that are given first, in place of ``self``. It must be differentiable by autograd where the graded code
    needs gradients. Where ``construct`` names a class of the same module, the worker calls it with the answer (with
    its parts, where the answer is a tuple).
    """

    function: Callable[..., Any]
    fields: tuple[str, ...] | None = None
    construct: str = ""


@dataclass(frozen=True, eq=False)
class HostModel:
    """A model or function that stays on the trusted side, given to a submission's function as an argument.

    The worker gets a module that asks this side for every output. What flows back through an output becomes gradients
    of the parameters of ``function``, here, where the worker reaches neither them nor the optimiser. ``pending`` is the
    number of outputs whose gradient may still come; those before them are forgotten. Made by `expose`.
    """

    function: Callable[..., Any]
    pending: int = 4


StandIns = Mapping[str, Constant | Callback]
"""Stand-ins by where they go: ``"vae_solution.DiagonalGaussianDistribution.kl"``: file stem, then qualified name."""


def stand_ins_of(book: Mapping[str, StandIns], item: str, check: str) -> StandIns | None:
    """Return the stand-ins of a check (``check`` is its id), else those of its item, else None."""
    return book.get(f"{item}::{check.rpartition('::')[2]}", book.get(item))
