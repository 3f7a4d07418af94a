"""Which functions of a solution the checks of an item run: a bug elsewhere in the file cannot change what they find.

A mutant is graded on every item that its file can reach, and most of these never call what is wrong in it. Where all
that the checks of an item ran of the reference is the same text in the mutant, they meet the same code, inputs and
random numbers, and so find the same: what is known of the reference is the answer.
"""

from __future__ import annotations

import ast
import functools
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from autograder.source.parsing import parse_or_none
from autograder.source.scopes import stored_names


@contextmanager
def recording(folder: Path) -> Iterator[set[str]]:
    """Collect the functions of the files in ``folder`` that are called, as ``file::name`` and ``file::Class.name``.

    The set is filled when the block ends. Threads that begin in the block are watched, too.
    """
    codes: set[CodeType] = set()
    found: set[str] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            codes.add(frame.f_code)

    before, before_in_threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)
        threading.setprofile(before_in_threads)
        for code in codes:
            if (path := Path(code.co_filename)).is_relative_to(folder):
                name = code.co_qualname.partition(".<locals>")[0]
                found.add(f"{path.relative_to(folder).as_posix()}::{name}")


def same_where_it_was_run(ran: Collection[str], reference: Mapping[str, bytes], variant: Mapping[str, bytes]) -> bool:
    """Whether the files of a variant differ from the reference's only in functions that are not among what ``ran``.

    Files are by their names, functions named as `recording` does. Signatures, decorators, what stands outside of
    functions, and the module's own names that a function reads count as run: a notebook's definitions are chosen by
    them. A file that cannot be parsed, or that the reference lacks, is never the same.
    """
    for name, data in variant.items():
        outlines = [_outline(data), _outline(reference.get(name, b"("))]
        mine, theirs = (outline and outline.without(name, ran) for outline in outlines)
        if mine is None or mine != theirs:
            return False
    return True


@dataclass(frozen=True)
class _Body:
    """The body of a function, in whole lines from ``first`` to ``last``, and the module's own names in it."""

    function: str
    first: int
    last: int
    reads: frozenset[str]


@dataclass(frozen=True)
class _Outline:
    """The lines of a file, and where the bodies of its functions are."""

    lines: tuple[str, ...]
    bodies: tuple[_Body, ...]

    def without(self, file: str, ran: Collection[str]) -> tuple[list[str], set[str]]:
        """Return the lines without the bodies of functions that did not run, and the names that these read."""
        idle = [body for body in self.bodies if f"{file}::{body.function}" not in ran]
        gone = {line for body in idle for line in range(body.first, body.last + 1)}
        left = [line for number, line in enumerate(self.lines, 1) if number not in gone]
        return left, {name for body in idle for name in body.reads}


@functools.lru_cache(maxsize=64)
def _outline(data: bytes) -> _Outline | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if (tree := parse_or_none(text)) is None:
        return None
    lines = tuple(text.split("\n"))
    own = {name for node in tree.body for name in stored_names(node)}
    bodies = []
    for name, node in _functions(tree.body):
        first = node.body[0]
        if not lines[first.lineno - 1][: first.col_offset].strip():  # what shares a line with the signature stays
            reads = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} & own
            bodies.append(_Body(name, first.lineno, node.end_lineno or first.lineno, frozenset(reads)))
    return _Outline(lines, tuple(bodies))


def _functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield the functions of a module and the methods of its classes, with their qualified names."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
