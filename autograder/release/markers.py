"""The marked pieces of Python source: their places, and the item that each belongs to.

Markers are comment tokens, so a marker inside a string is none; a region is a run of whole statements of one block of
the syntax tree. Whatever is not clear is a `UserError` with file, cell and line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from autograder.assignment import Item
from autograder.errors import UserError
from autograder.release.grammar import read_comment
from autograder.release.pairing import Line, Paired, pair_markers
from autograder.release.regions import Definition, statement_marked_at, statements_between
from autograder.release.rubric import Rubric
from autograder.source.scopes import bound_names
from autograder.source.spans import Comment, Source, first_line, last_line


@dataclass(frozen=True)
class Mark:
    """Whole statements of one block, with the definitions around them, outermost first.

    A region spans its marker lines; a single marked statement spans its own lines and has its ``comment``.
    """

    item: Item
    first_line: int
    last_line: int
    statements: tuple[ast.stmt, ...]
    around: tuple[Definition, ...]
    prompts: tuple[str, ...] = ()
    comment: Comment | None = None

    @property
    def in_function(self) -> bool:
        """Whether the code runs when a function is called, not when the file is loaded."""
        return _in_function(self.around)

    @property
    def prefix(self) -> str:
        """What stands before the qualified name of whatever the statements bind: ``""`` or ``"Class."``."""
        return "".join(f"{definition.name}." for definition in self.around)

    @property
    def names(self) -> tuple[str, ...]:
        """Qualified names that the mark covers: the definitions around it and what it binds there."""
        return (*_enclosing(self.around), *(self.prefix + name for name in bound_names(self.statements)))


def find_marks(source: Source, rubric: Rubric) -> tuple[Mark, ...]:
    """Return the marks of a file or cell in order of lines; a bad marker raises `UserError`."""
    pairs = pair_markers(_lines(source, rubric), source.place)
    marks = sorted((_mark(source, rubric, pair) for pair in pairs), key=lambda mark: mark.first_line)
    for one, other in pairwise(marks):
        if one.last_line >= other.first_line:
            where = source.place.line(other.first_line)
            raise UserError(f"{where}: this is marked twice; one # SOLUTION a statement and a line")
    return tuple(marks)


def _lines(source: Source, rubric: Rubric) -> Iterator[Line]:
    for comment in source.comments:
        where = source.place.line(comment.line)
        directive = read_comment(comment.text, where, rubric.ids, alone=comment.alone)
        yield Line(comment.line, comment.text, directive, comment.alone)


def _mark(source: Source, rubric: Rubric, pair: Paired) -> Mark:
    if pair.end is None:
        statements, around = statement_marked_at(source, pair.begin)
        comment = next(comment for comment in source.comments if comment.line == pair.begin)
        lines = first_line(statements[0]), last_line(statements[0])
    else:
        statements, around = statements_between(source, pair.begin, pair.end)
        comment = None
        lines = pair.begin, pair.end
    item = _item(source, rubric, pair, statements, around)
    return Mark(item, *lines, statements, around, pair.prompts, comment)


def _item(
    source: Source, rubric: Rubric, pair: Paired, statements: tuple[ast.stmt, ...], around: tuple[Definition, ...]
) -> Item:
    where = source.place.line(pair.begin)
    prefix = "".join(f"{definition.name}." for definition in around)
    bound = () if _in_function(around) else tuple(prefix + name for name in bound_names(statements))
    if pair.item_id is not None:
        return rubric.confirmed(rubric.named(pair.item_id, where), (*bound, *_enclosing(around)), where)
    return rubric.owner(bound, _enclosing(around), where)


def _enclosing(around: tuple[Definition, ...]) -> tuple[str, ...]:
    names = [definition.name for definition in around]
    return tuple(".".join(names[: depth + 1]) for depth in range(len(names)))


def _in_function(around: tuple[Definition, ...]) -> bool:
    return bool(around) and not isinstance(around[-1], ast.ClassDef)
