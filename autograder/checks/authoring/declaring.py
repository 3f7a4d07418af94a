"""How an author declares a check: a test function, the item it belongs to, and the inputs that it is tried on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_F = TypeVar("_F", bound=Callable[..., None])
MAX_WEIGHT = 1e6
_DECLARATION = "__autograder_declaration__"


@dataclass
class Declaration:
    """What the decorators of one check say."""

    item: str = ""
    weight: float = 1.0
    strategies: dict[str, SearchStrategy[Any]] = field(default_factory=dict)
    examples: int = 25


def item(item_id: str, *, weight: float = 1.0) -> Callable[[_F], _F]:
    """Say to which item of the rubric a check belongs, and how much it weighs among that item's checks.

    Raises `ValueError` for a weight that is no number, not positive, or larger than ``MAX_WEIGHT``.
    """
    validated_weight(item_id, weight)

    def decorate(function: _F) -> _F:
        declaration = _of(function)
        declaration.item, declaration.weight = item_id, weight
        return function

    return decorate


def validated_weight(of: str, weight: float) -> float:
    """Return a weight; raise `ValueError` for one that is no number, not positive, or larger than ``MAX_WEIGHT``."""
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= MAX_WEIGHT:
        raise ValueError(f"the weight of a check of {of!r} must be positive and finite, not {weight!r}")
    return weight


def given(*, examples: int = 25, **strategies: SearchStrategy[Any]) -> Callable[[_F], _F]:
    """Try a check on drawn examples; the failing one that is reported is the smallest that was found.

    Every keyword names a parameter of the check; the other parameters are fixtures. Raises `TypeError` where a keyword
    is no parameter, and `ValueError` where there would be no example.
    """
    if type(examples) is not int or examples < 1:
        raise ValueError(f"examples must be a number from 1, not {examples!r}")
    if not strategies:
        raise TypeError("given() needs at least one strategy, as a keyword")

    def decorate(function: _F) -> _F:
        signature = inspect.signature(function)
        for name in strategies:
            if name not in signature.parameters:
                raise TypeError(f"{function.__name__}() has no parameter {name!r} that given() could fill")
        declaration = _of(function)
        declaration.strategies, declaration.examples = dict(strategies), examples
        rest = [parameter for name, parameter in signature.parameters.items() if name not in strategies]
        function.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        return function

    return decorate


def declaration_of(function: object) -> Declaration | None:
    """Return what was declared of a function, None where nothing was."""
    return getattr(function, _DECLARATION, None)


def declare(function: Callable[..., None], declaration: Declaration) -> None:
    """Declare a function that was made for what it declares."""
    setattr(function, _DECLARATION, declaration)


def _of(function: Callable[..., None]) -> Declaration:
    if declaration_of(function) is None:
        setattr(function, _DECLARATION, Declaration())
    found = declaration_of(function)
    assert found is not None
    return found
