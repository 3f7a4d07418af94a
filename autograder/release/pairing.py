"""Markers in the order of their lines, put together to regions; the same for code and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autograder.errors import UserError
from autograder.release.grammar import Directive, Role, resembles_a_prompt
from autograder.source.lines import Place


@dataclass(frozen=True)
class Line:
    """A line that may hold a marker, as written; ``alone`` says that the marker has it for itself."""

    number: int
    text: str
    directive: Directive | None
    alone: bool = True


@dataclass(frozen=True)
class Paired:
    """A region between two marker lines, or (``end`` is None) the marker behind one statement."""

    begin: int
    end: int | None
    item_id: str | None
    prompts: tuple[str, ...] = ()


def pair_markers(lines: Iterable[Line], place: Place) -> tuple[Paired, ...]:
    """Pair the markers of one file or cell; raise `UserError` where they are nested, unclosed or misplaced."""
    pairs: list[Paired] = []
    begin: Line | None = None
    prompts: list[str] = []
    for line in lines:
        _refuse_misplaced(line, begin, place.line(line.number))
        directive = line.directive
        if directive is None:
            continue
        if directive.role is Role.BEGIN:
            begin, prompts = line, []
        elif directive.role is Role.PROMPT:
            prompts.append(directive.argument or "")
        elif directive.role is Role.SUFFIX:
            pairs.append(Paired(line.number, None, directive.argument))
        elif begin is not None:
            pairs.append(Paired(begin.number, line.number, _item_id(begin, line, place), tuple(prompts)))
            begin = None
    if begin is not None:
        raise UserError(f"{place.line(begin.number)}: BEGIN SOLUTION without an END SOLUTION after it")
    return tuple(pairs)


def _refuse_misplaced(line: Line, begin: Line | None, where: str) -> None:
    if line.directive is None:
        if begin is not None and resembles_a_prompt(line.text):
            raise UserError(f'{where}: {line.text!r} looks like a prompt but is none; write "### PROMPT: text"')
        return
    role = line.directive.role
    if role is Role.SUFFIX and line.alone:
        raise UserError(f"{where}: # SOLUTION stands behind a statement; for a region write ### BEGIN SOLUTION")
    if role is not Role.SUFFIX and not line.alone:
        raise UserError(f"{where}: {role} needs a line of its own, without code before it")
    if begin is None and role in (Role.END, Role.PROMPT):
        raise UserError(f"{where}: {role} without a BEGIN SOLUTION before it")
    if begin is not None and role in (Role.BEGIN, Role.SUFFIX):
        raise UserError(f"{where}: {role} inside the region that begins at line {begin.number}; regions do not nest")


def _item_id(begin: Line, end: Line, place: Place) -> str | None:
    opened, closed = (line.directive.argument if line.directive else None for line in (begin, end))
    if closed is not None and closed != opened:
        raise UserError(
            f"{place.line(end.number)}: END SOLUTION {closed} ends the region of {opened or 'no named item'}"
        )
    return opened
