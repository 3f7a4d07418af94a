"""Finding the statements that a marker encloses or follows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from autograder.errors import UserError
from autograder.source.scopes import block_lists
from autograder.source.spans import Source, first_line, last_line

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Found = tuple[tuple[ast.stmt, ...], tuple[Definition, ...]]


def statements_between(source: Source, begin: int, end: int) -> Found:
    """Return the statements between two marker lines and the definitions around them, outermost first.

    Raises `UserError` unless they are one or more whole statements of a single block.
    """
    where = source.place.line(begin)
    code = source.code_in(begin + 1, end - 1)
    if not code:
        raise UserError(f"{where}: the region holds no code; remove it, or put the solution into it")
    members, around = _descend(source.tree.body, code[0].start[0], code[-1].end[0], where)
    if not members:
        raise UserError(f"{where}: the region holds no whole statement")
    spans = [(first_line(member), last_line(member)) for member in members]
    starts = {first for first, _ in spans}
    for token in code:
        line = token.start[0]
        # An `else:` between the members, or an `elif` that the tree shows as an `if` of its own.
        stray = token.string != ";" and not any(first <= line <= last for first, last in spans)
        if stray or (token.string == "elif" and line in starts):
            raise UserError(f"{where}: the region cuts through a statement at line {line}; enclose whole statements")
    return members, around


def statement_marked_at(source: Source, line: int) -> Found:
    """Return the one simple statement that a suffix on ``line`` marks, as a tuple of one."""
    where = source.place.line(line)
    found = [pair for pair in _simple(source.tree.body, ()) if first_line(pair[0]) <= line <= last_line(pair[0])]
    if not found:
        raise UserError(f"{where}: # SOLUTION marks one simple statement; for more, use ### BEGIN SOLUTION")
    if len(found) > 1:
        raise UserError(f"{where}: # SOLUTION behind several statements; give each a line of its own")
    statement, around = found[0]
    return (statement,), around


def _descend(block: Sequence[ast.stmt], first: int, last: int, where: str) -> Found:
    touched = [member for member in block if first_line(member) <= last and last_line(member) >= first]
    inside = [member for member in touched if first_line(member) >= first and last_line(member) <= last]
    if len(inside) == len(touched):
        return tuple(inside), ()
    if len(touched) > 1:
        raise _straddles(touched, inside, where)
    outer = touched[0]
    if not (first_line(outer) <= first and last_line(outer) >= last):
        raise _straddles(touched, inside, where)
    blocks = [b for b in block_lists(outer) if first_line(b[0]) <= last and last_line(b[-1]) >= first]
    if len(blocks) != 1:
        raise _straddles(touched, inside, where)
    members, around = _descend(blocks[0], first, last, where)
    return members, (outer, *around) if isinstance(outer, Definition) else around


def _straddles(touched: Sequence[ast.stmt], inside: Sequence[ast.stmt], where: str) -> UserError:
    cut = next(member for member in touched if member not in inside)
    if isinstance(cut, Definition):
        what = f"the boundary of {cut.name!r} (lines {first_line(cut)} to {last_line(cut)})"
    else:
        what = f"the statement of lines {first_line(cut)} to {last_line(cut)}"
    return UserError(f"{where}: the region cuts through {what}; begin and end it in one block, around whole statements")


def _simple(
    block: Sequence[ast.stmt], around: tuple[Definition, ...]
) -> Iterator[tuple[ast.stmt, tuple[Definition, ...]]]:
    for statement in block:
        blocks = list(block_lists(statement))
        if not blocks:
            yield statement, around
        inner = (*around, statement) if isinstance(statement, Definition) else around
        for nested in blocks:
            yield from _simple(nested, inner)
