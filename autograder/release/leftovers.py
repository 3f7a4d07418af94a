"""Leftovers outside of the marked regions of Python source: marks of other tools, and unmarked answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from autograder.errors import UserError
from autograder.release.foreign import refuse_foreign
from autograder.release.markers import Mark
from autograder.release.words import is_edge
from autograder.source.spans import Source

_OF_STUDENTS = re.compile(
    r"\b(?:your|student'?s?)\s+(?:own\s+)?(?:code|answer|solution|work|implementation)\b|\bcode (?:goes )?here\b|"
    r"^[\W_]*(?:begin|start|end|stop|finish)\s+(?:of\s+)?(?:answer|code|implementation|todo)\b",
    re.IGNORECASE,
)
_OPENS = frozenset({"BEGIN", "BEGINS", "BEGINNING", "START", "STARTS"})


def refuse_leftovers(source: Source, marks: Sequence[Mark]) -> None:
    """Raise `UserError` for a mark of another tool outside of the marks, and for code between banners with no mark."""
    marked = {line for mark in marks for line in range(mark.first_line, mark.last_line + 1)}
    for comment in source.comments:
        if comment.line not in marked:
            refuse_foreign(comment.text, source.place.line(comment.line), alone=comment.alone)
    for begin, end, text in _between_banners(source):
        if marked.isdisjoint(range(begin, end + 1)) and not _is_filler(source, begin, end):
            raise UserError(
                f"{source.place.line(begin)}: the code below {text!r} is not marked, so students would get it; "
                'enclose it in "### BEGIN SOLUTION [item]" and "### END SOLUTION"'
            )


def _between_banners(source: Source) -> Iterator[tuple[int, int, str]]:
    """Yield the lines of the comments around code that students write, ``# START OF YOUR CODE`` ``# END ...``."""
    opened: tuple[int, str] | None = None
    for comment in source.comments:
        words = re.findall(r"[A-Za-z]+", comment.text)
        if not comment.alone or not words or not _OF_STUDENTS.search(comment.text):
            continue
        if _OPENS.intersection(map(str.upper, words)):
            opened = comment.line, comment.text.strip()
        elif opened and any(map(is_edge, words)):
            yield opened[0], comment.line, opened[1]
            opened = None


def _is_filler(source: Source, begin: int, end: int) -> bool:
    """Whether all statements between two lines say that something is missing: ``pass``, ``x = None``, ``raise``."""
    inside = (node for node in ast.walk(source.tree) if isinstance(node, ast.stmt) and begin < node.lineno < end)
    return all(_says_nothing(node) for node in inside)


def _says_nothing(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Raise() | ast.Expr(value=ast.Constant()) | ast.Return(value=None):
            return True
        case ast.Return(value=ast.Constant(value=value)) | ast.Assign(value=ast.Constant(value=value)):
            return value is None or value is ...
    return False
