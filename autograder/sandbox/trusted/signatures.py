"""What a submission calls the arguments of its functions, read from its source and for reports alone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from autograder.source.parsing import parse_or_none

Parameters = tuple[str, ...]
MAX_NAME = 100


class Signatures:
    """Parameters by the place of what is called, ``module.function``, ``module.Class`` or ``module.Class.method``.

    ``sources`` gives the source of each module, and is asked when a report is written for the first time.
    """

    def __init__(self, sources: Callable[[], Mapping[str, str]]) -> None:
        self._sources = sources

    def of(self, place: str) -> Parameters:
        """Return the names of positional arguments, without ``self``; none where they are not known.

        A method of an object whose class is not known has them where all methods of its name agree.
        """
        if place in self._known:
            return self._known[place]
        method = place.rpartition(".")[2]
        methods = ((known, names) for known, names in self._known.items() if known.count(".") == 2)
        same_name = {names for known, names in methods if known.endswith(f".{method}")}
        return same_name.pop() if len(same_name) == 1 else ()

    @cached_property
    def _known(self) -> dict[str, Parameters]:
        known = {}
        for module, source in self._sources().items():
            tree = parse_or_none(source)
            for name, names in _functions(tree.body if tree is not None else []):
                known[f"{module}.{name}"] = names
        return known


def _functions(body: list[ast.stmt]) -> Iterator[tuple[str, Parameters]]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, _positional(node)
        elif isinstance(node, ast.ClassDef):
            for method in (inner for inner in node.body if isinstance(inner, ast.FunctionDef)):
                static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in method.decorator_list)
                names = _positional(method)[0 if static else 1 :]
                yield (node.name if method.name == "__init__" else f"{node.name}.{method.name}"), names


def _positional(node: ast.FunctionDef) -> Parameters:
    return tuple(argument.arg[:MAX_NAME] for argument in (*node.args.posonlyargs, *node.args.args))
