"""From marked Python source to what students get: every marked piece becomes a stub, the rest stays byte for byte.

Inside a function a region becomes ``raise NotImplementedError("item (points): title")``. Elsewhere each name that it
binds becomes ``name = ...``; of a region that binds none a comment is left, or ``...`` where its block would be empty.
A marked assignment keeps its left side, any other marked statement is a small region.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass

from autograder.errors import UserError
from autograder.release.leftovers import refuse_leftovers
from autograder.release.markers import Mark, find_marks
from autograder.release.rubric import Rubric, worth
from autograder.source.lines import Place, indentation, line_end
from autograder.source.scopes import assigned_names, bound_names, ids_of_filled_blocks, used_names
from autograder.source.spans import Source


@dataclass(frozen=True)
class Removed:
    """What a stub stands for: text, and statements where it was code; never given to students."""

    place: Place
    line: int
    text: str
    statements: tuple[ast.stmt, ...] = ()

    @property
    def origin(self) -> str:
        """File, cell and line in the reference."""
        return self.place.line(self.line)


@dataclass(frozen=True)
class Stripped:
    """What is left of a file or cell, what was taken away, how many stubs there are, and the names that they cover."""

    text: str
    removed: tuple[Removed, ...] = ()
    blanks: int = 0
    covered: tuple[str, ...] = ()


def strip_python(text: str, place: Place, rubric: Rubric) -> Stripped:
    """Replace the marked pieces of a ``.py`` file by stubs; a bad marker raises `UserError`."""
    stripped = strip_source(Source.parse(text, place), rubric)
    check_stripped(stripped, place, rubric)
    return stripped


def strip_source(source: Source, rubric: Rubric, *, only: str | None = None) -> Stripped:
    """Replace the marked pieces of parsed source by stubs; ``only`` those of one item where it is given.

    Without that, what is left is for students: `UserError` for what must not be in it.
    """
    marks = [mark for mark in find_marks(source, rubric) if only in (None, mark.item.id)]
    if only is None:
        refuse_leftovers(source, marks)
    marked = [statement for mark in marks for statement in mark.statements]
    used = used_names(source.tree, marked)
    filled = ids_of_filled_blocks(source.tree, marked)
    pieces: list[str] = []
    done = 0
    for mark in marks:
        pieces.extend(source.lines[done : mark.first_line - 1])
        pieces.append(_stub(source, mark, rubric, used, filled))
        done = mark.last_line
    pieces.extend(source.lines[done:])
    removed = tuple(_removed(source, mark) for mark in marks)
    return Stripped("".join(pieces), removed, len(marks), tuple(name for mark in marks for name in mark.names))


def check_stripped(stripped: Stripped, place: Place, rubric: Rubric, *, stand_in: str | None = None) -> None:
    """Raise `UserError` unless what is left parses and holds no marker."""
    try:
        source = Source.parse(stripped.text, place, stand_in=stand_in)
        # Reading tokens takes ten times as long as parsing; where no word of a marker is left, there is no marker.
        marks = find_marks(source, rubric) if re.search("SOLUTION|PROMPT", stripped.text) else ()
    except UserError as error:
        raise UserError(f"in the template made of it: {error}") from None
    if marks:
        raise UserError(f"in the template made of it: {place.line(marks[0].first_line)}: a marker is left")


def _removed(source: Source, mark: Mark) -> Removed:
    text = "".join(source.lines[mark.first_line - 1 : mark.last_line])
    return Removed(source.place, mark.first_line, text, mark.statements)


def _stub(source: Source, mark: Mark, rubric: Rubric, used: frozenset[str], filled: frozenset[int]) -> str:
    if mark.comment is None:
        return _region_stub(source, mark, rubric, used, filled)
    return _statement_stub(source, mark, rubric, used)


def _region_stub(source: Source, mark: Mark, rubric: Rubric, used: frozenset[str], filled: frozenset[int]) -> str:
    opening, closing = source.lines[mark.first_line - 1], source.lines[mark.last_line - 1]
    first = source.lines[mark.statements[0].lineno - 1]
    indent = indentation(first)
    lines = [f"# {prompt}".rstrip() for prompt in mark.prompts]
    names = _kept_names(mark, rubric, used)
    if mark.in_function:
        lines.append(_raise(mark))
    elif names:
        lines += [f"# {_label(mark)}: your code in place of ...", *(f"{name} = ..." for name in names)]
    elif id(mark.statements[0]) in filled:
        lines.append(f"# {_label(mark)}: your code, if you need more")
    else:
        lines.append(f"...  # {_label(mark)}: your code")
    body = line_end(opening).join(indent + line for line in lines)
    return body + line_end(closing)


def _statement_stub(source: Source, mark: Mark, rubric: Rubric, used: frozenset[str]) -> str:
    statement = mark.statements[0]
    text = "".join(source.lines[mark.first_line - 1 : mark.last_line])
    before = source.lines[mark.first_line - 1][: source.positions.column(statement.lineno, statement.col_offset)]
    _refuse_code_after(source, mark)
    comment = f"  # {_label(mark)}: your code"
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        stub = _left_side(source, mark, statement) + comment
    elif mark.in_function:
        stub = _raise(mark)
    else:
        stub = "; ".join(f"{name} = ..." for name in _kept_names(mark, rubric, used)) or "..."
        stub += comment
    return before + stub + line_end(text)


def _left_side(source: Source, mark: Mark, statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> str:
    where = source.place.line(mark.first_line)
    if statement.value is None:
        raise UserError(f"{where}: # SOLUTION behind an annotation without a value")
    if isinstance(statement, ast.AugAssign):
        # `x += ...` would raise at once; what students need is the name.
        return f"{ast.unparse(statement.target)} = ..."
    start = (statement.lineno, source.positions.column(statement.lineno, statement.col_offset))
    end = _end_of_equals(source, statement, start)
    if mark.comment and (mark.comment.line, mark.comment.column) < end:
        raise UserError(f"{where}: # SOLUTION inside the left side; put it behind the statement")
    left = "".join(source.lines[start[0] - 1 : end[0]])
    tail = len(source.lines[end[0] - 1]) - end[1]
    targets: list[ast.expr] = [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets
    return f"{left[start[1] : len(left) - tail]} {_blank_value(targets)}"


def _end_of_equals(source: Source, statement: ast.Assign | ast.AnnAssign, start: tuple[int, int]) -> tuple[int, int]:
    assert statement.value is not None
    value = (statement.value.lineno, source.positions.column(statement.value.lineno, statement.value.col_offset))
    depth, end = 0, start
    for token in source.code:
        if start <= token.start < value:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == "=" and depth == 0:
                end = token.end
    return end


def _blank_value(targets: list[ast.expr]) -> str:
    several = next((target for target in targets if isinstance(target, (ast.Tuple, ast.List))), None)
    if several is None:
        return "..."
    parts = [f"({_blank_value([part])})" if isinstance(part, (ast.Tuple, ast.List)) else "..." for part in several.elts]
    return ", ".join(parts) + ("," if len(parts) == 1 else "")


def _refuse_code_after(source: Source, mark: Mark) -> None:
    statement = mark.statements[0]
    end = source.positions.column(mark.last_line, statement.end_col_offset or 0)
    for token in source.code:
        if token.start[0] == mark.last_line and token.start[1] >= end and token.string != ";":
            where = source.place.line(mark.last_line)
            raise UserError(f"{where}: code behind a statement marked # SOLUTION; give it a line of its own")


def _kept_names(mark: Mark, rubric: Rubric, used: frozenset[str]) -> list[str]:
    """Names that the stub must bind: assigned ones, blanks, and what code outside of the marks reads."""
    assigned, blanks = assigned_names(mark.statements), rubric.blanks
    bound = bound_names(mark.statements)
    return [name for name in bound if name in assigned or mark.prefix + name in blanks or name in used]


def _raise(mark: Mark) -> str:
    message = json.dumps(f"{_label(mark)}: {mark.item.title}", ensure_ascii=False)
    return f"raise NotImplementedError({message})"


def _label(mark: Mark) -> str:
    return f"{mark.item.id} ({worth(mark.item)})"
