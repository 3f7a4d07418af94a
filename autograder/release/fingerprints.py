"""Code and text reduced to what matters for "is this the same?": layout, comments, quotes and names of variables go.

A *shape* is a digest of one statement or expression of the syntax tree: exact, and blind to names of variables.
*Compact* text has no whitespace, no leading ``#`` or ``>`` and one kind of quotes.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from autograder.source.lines import split_lines

# `self.mean` has size 2, `f(a, b)` 4 and `mean + std * torch.randn_like(std)` 8: from there on, two people rarely write
# the same by chance.
MINIMUM_SIZE = 8

_IGNORED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_ignores", "type_params"})
_DECORATION = re.compile(r"^[ \t]*[#>]*|\s+", re.MULTILINE)


class Shape(NamedTuple):
    """The digests of a statement or expression; ``size`` counts the statements and expressions in it."""

    exact: int
    blind: int
    size: int
    operations: int
    node: ast.stmt | ast.expr

    @property
    def line(self) -> int:
        """Line of its first token."""
        return self.node.lineno


def shapes(nodes: Iterable[ast.AST]) -> list[Shape]:
    """Return the shapes of the statements and expressions of `MINIMUM_SIZE` or more; docstrings are none."""
    found: list[Shape] = []
    for node in nodes:
        _visit(node, found)
    return found


def _visit(node: ast.AST, found: list[Shape]) -> tuple[int, int, int, int]:
    """Append the shapes below ``node`` and return its digests, size and number of operations in one pass."""
    counts = isinstance(node, (ast.stmt, ast.expr))
    size, operations = int(counts), int(isinstance(node, (ast.BinOp, ast.UnaryOp, ast.AugAssign)))
    exact: list[object] = [type(node).__name__]
    blind: list[object] = [type(node).__name__]
    for field in node._fields:
        if field in _IGNORED_FIELDS:
            continue
        value = getattr(node, field, None)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, ast.AST):
                if is_docstring(part):
                    continue
                inner = _visit(part, found)
                exact.append(inner[0])
                blind.append(inner[1])
                size, operations = size + inner[2], operations + inner[3]
            else:
                plain = (type(part).__name__, repr(part))
                exact.append(plain)
                # The name of a variable, an argument or a definition.
                blind.append(field if field in ("id", "arg", "name") else plain)
        exact.append(field)
        blind.append(field)
    digests = hash(tuple(exact)), hash(tuple(blind))
    if size >= MINIMUM_SIZE and isinstance(node, (ast.stmt, ast.expr)):
        found.append(Shape(*digests, size, operations, node))
    return *digests, size, operations


def is_docstring(node: ast.AST) -> bool:
    """Whether it is a string that stands by itself."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def compact(text: str) -> str:
    """Return text without whitespace, comment signs at the start of lines, and differences of quotes."""
    return _DECORATION.sub("", text).replace('"', "'")


class Haystack:
    """A text to search for compact fragments, which knows the line of what it finds."""

    def __init__(self, text: str) -> None:
        """Take the text as written."""
        lines = split_lines(text)
        parts = [compact(line) for line in lines]
        self._text = "".join(parts)
        self._starts: list[int] = []
        position = 0
        for part in parts:
            self._starts.append(position)
            position += len(part)

    def line_of(self, fragment: str) -> int | None:
        """Return the line, from 1, where a compact fragment begins; None if it is not there."""
        position = self._text.find(fragment)
        return None if position < 0 else max(bisect_right(self._starts, position), 1)


def code_text(tree: ast.AST) -> str:
    """Return the compact text of code alone, without comments and docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [part for part in body if not is_docstring(part)] or [ast.Pass()]
    return compact(ast.unparse(tree))
