"""What of an assignment is written: each blank is looked up in the syntax tree of its file, and nothing is run."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator
from enum import StrEnum

from autograder.assignment import Item
from autograder.source.parsing import parse_or_none
from autograder.source.scopes import assigned_names, same_scope
from autograder.submission.model import Submission, SubmittedFile


class Writing(StrEnum):
    """How far the blanks of an item are."""

    WRITTEN = "written"
    PARTLY = "partly written"
    NOT_WRITTEN = "not written yet"
    MISSING = "not there"
    """The file, or the name of a blank in it, is missing, or the file cannot be read."""


def writing_of(item: Item, submission: Submission) -> Writing | None:
    """Return how far an item is; None for one without blanks.

    A blank is unwritten where it holds what a template has in place of an answer: ``raise NotImplementedError`` in a
    function, or ``name = ...``.
    """
    if not item.blanks or item.file is None:
        return None
    if submission.unavailable(item.file):
        return Writing.MISSING
    stubs = [_is_stub(blank, submission.files[item.file]) for blank in item.blanks]
    if None in stubs:
        return Writing.MISSING
    if all(stubs):
        return Writing.NOT_WRITTEN
    return Writing.PARTLY if any(stubs) else Writing.WRITTEN


def _is_stub(blank: str, file: SubmittedFile) -> bool | None:
    """Return whether a blank holds a stub; None where the name is nowhere. Of several definitions the last counts."""
    tree = parse_or_none(file.source)
    body: list[ast.stmt] = [] if tree is None else tree.body
    *classes, name = blank.split(".")
    for owner in classes:
        found = [node for node in _statements(body) if isinstance(node, ast.ClassDef) and node.name == owner]
        body = found[-1].body if found else []
    return is_stub_of(name, body)


def is_stub_of(name: str, body: Iterable[ast.stmt]) -> bool | None:
    """Return whether the last of these statements that binds a name binds it to a stub; None where none does."""
    stubs = [is_stub for node in _statements(body) if (is_stub := _defines_stub(node, name)) is not None]
    return stubs[-1] if stubs else None


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    return itertools.chain.from_iterable(map(same_scope, body))


def _defines_stub(node: ast.stmt, name: str) -> bool | None:
    """Return whether a statement binds the name to a stub; None where it does not bind it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return any(map(_raises_stub, ast.walk(node))) if node.name == name else None
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and name in assigned_names([node]):
        return isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
    return None


def _raises_stub(node: ast.AST) -> bool:
    raised = node.exc if isinstance(node, ast.Raise) else None
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
