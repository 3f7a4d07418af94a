"""Parsing source that nobody trusts: bounded, and every way in which it can fail is one line of text."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

from autograder.submission.notices import printable

MAX_SOURCE = 2 * 2**20
MAX_TOKENS = 200_000
"""A syntax tree takes up to 1 kB for each token: this keeps it under 200 MB. Homework has some 20,000 tokens."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class SyntaxProblem:
    """Why a source does not parse; ``line`` counts from 1, None is the whole file."""

    text: str
    line: int | None


def parse(source: str) -> ast.Module | SyntaxProblem:
    """Return the syntax tree, or the problem with the offending line quoted; never raises, warns or runs anything."""
    if len(source) > MAX_SOURCE:
        return SyntaxProblem(f"is longer than {MAX_SOURCE // 2**20} MB: not read", None)
    if len(source) > MAX_TOKENS and sum(1 for _ in _TOKEN.finditer(source)) > MAX_TOKENS:
        return SyntaxProblem(f"has more than {MAX_TOKENS} words and signs: not read", None)
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


def _problem(error: SyntaxError, source: str) -> SyntaxProblem:
    message = printable(error.msg or "invalid syntax")
    lines = source.split("\n")
    if not error.lineno or error.lineno > len(lines):
        return SyntaxProblem(f"{message}: the end of the file was not expected", len(lines))
    quoted = printable(lines[error.lineno - 1].strip()).replace("`", "'")
    return SyntaxProblem(f"{message}: `{quoted}`", error.lineno)
