"""Python parsed by CPython's own parser: bounded, and every way in which it can fail is one line of text."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.errors import UserError
from autograder.source.decoding import Remark
from autograder.source.lines import Cell, Place, printable, quoted

MAX_SOURCE = 2 * 2**20
MAX_TOKENS = 200_000
"""A syntax tree takes up to 1 kB for each token: this keeps it under 200 MB. Homework has some 20,000 tokens."""
TOO_MANY_TOKENS = f"has more than {MAX_TOKENS} words and signs: not read"

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class SyntaxProblem:
    """Why a source does not parse; ``line`` counts from 1, None is the whole file."""

    text: str
    line: int | None


@dataclass(frozen=True)
class ParsedSource:
    """A script, a cell, or the joined cells of a notebook, parsed once: text and tree agree on lines and columns.

    The text has the lines of what was read. Where it does not parse, ``tree`` is None; a cell that does not is left
    blank in what it is joined to.
    """

    text: str
    tree: ast.Module | None
    remarks: Sequence[Remark] = ()
    """What was ignored."""
    problems: Sequence[Remark] = ()
    """What does not parse."""
    cells: tuple[Cell, ...] | None = None
    """The code cells in order where it is a notebook; each is a run of whole lines."""


def parse(source: str) -> ast.Module | SyntaxProblem:
    """Return the syntax tree, or the problem with the offending line quoted; never raises, warns or runs anything."""
    if len(source) > MAX_SOURCE:
        return SyntaxProblem(f"is longer than {MAX_SOURCE // 2**20} MB: not read", None)
    if len(source) > MAX_TOKENS and count_tokens(source) > MAX_TOKENS:
        return SyntaxProblem(TOO_MANY_TOKENS, None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        return _problem(error, source)
    except (RecursionError, MemoryError, OverflowError):
        return SyntaxProblem("is nested too deeply, or a line is too long, for Python to parse", None)
    except ValueError as error:
        return SyntaxProblem(printable(error), None)


def parse_or_none(source: str) -> ast.Module | None:
    """Return the syntax tree, None for what is not Python."""
    tree = parse(source)
    return tree if isinstance(tree, ast.Module) else None


def parse_python(source: str, place: Place) -> ast.Module:
    """Return the syntax tree of an instructor's text; raise `UserError` naming the line where it does not parse."""
    tree = parse(source)
    if isinstance(tree, SyntaxProblem):
        raise UserError(f"{place.line(tree.line or 1)}: not valid Python: {tree.text}")
    return tree


def count_tokens(source: str) -> int:
    """Return how many words and signs a source has, roughly."""
    return sum(1 for _ in _TOKEN.finditer(source))


def _problem(error: SyntaxError, source: str) -> SyntaxProblem:
    message = printable(error.msg or "invalid syntax")
    lines = source.split("\n")
    if not error.lineno or error.lineno > len(lines):
        return SyntaxProblem(f"{message}: the end of the file was not expected", len(lines))
    return SyntaxProblem(f"{message}: {quoted(lines[error.lineno - 1])}", error.lineno)
