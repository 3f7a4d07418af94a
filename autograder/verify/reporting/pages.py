"""The kill matrix as one self-contained page: readable on a phone and on paper, and without colours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup, escape

from autograder.verify.matrix import Cell, ItemColumn, Report, Role, Row, Sees

TEMPLATE = "matrix.html.j2"
BEFORE = (Role.REFERENCE, Role.TEMPLATE, Role.ALTERNATIVE)
OWN, GOOD, BAD, OUTSIDE = "own", "good", "bad", "outside"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Square:
    """One cell as it is shown: a kind, which is its look, points lost, and the labels of the checks that failed."""

    kind: str
    lost: str = ""
    checks: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One row as it is shown."""

    row: Row
    squares: tuple[Square, ...]
    is_bad: bool


@dataclass(frozen=True)
class Section:
    """The matrix of one file: its items are the columns."""

    file: str
    items: tuple[ItemColumn, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]


def page(report: Report) -> str:
    """Return the page as text; every text of the assignment is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("autograder.verify.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["points"] = lambda number: f"{number:g}"
    environment.filters["breakable"] = _breakable
    return environment.get_template(TEMPLATE).render(report=report, sections=_sections(report), totals=_totals(report))


def _breakable(name: str) -> Any:
    """Return a name that may be broken behind its dots and underscores."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(name))))


def _totals(report: Report) -> dict[str, Any]:
    mutants, alternatives = report.of_role(Role.MUTANT), report.of_role(Role.ALTERNATIVE)
    return {
        "mutants": len(mutants),
        "killed": sum(bool(row.killers) for row in mutants),
        "alternatives": len(alternatives),
        "full": sum(not row.lost for row in alternatives),
        "hints": {str(sees): sum(row.sees is sees for row in mutants) for sees in Sees},
    }


def _sections(report: Report) -> list[Section]:
    sections = []
    for file in dict.fromkeys(item.file for item in report.items):
        home = {item.id for item in report.items if item.file == file}
        rows = [row for row in report.rows if _belongs(row, home)]
        reached = {cell.item for row in rows for cell in row.cells if row.role not in BEFORE}
        items = tuple(item for item in report.items if item.file == file or item.id in reached)
        sections.append(Section(file, items, tuple(_groups(rows, items))))
    return sections


def _belongs(row: Row, home: set[str]) -> bool:
    return row.own in home if row.own else any(cell.item in home for cell in row.cells)


def _groups(rows: list[Row], items: tuple[ItemColumn, ...]) -> list[tuple[str, tuple[Line, ...]]]:
    """Group rows: what must be right (or empty) first, then the bugs of each item."""
    groups = [("correct, and unwritten", [row for row in rows if row.role in BEFORE])]
    groups += [(item.id, [row for row in rows if row.own == item.id]) for item in items]
    return [(name, tuple(_line(row, items) for row in members)) for name, members in groups if members]


def _line(row: Row, items: tuple[ItemColumn, ...]) -> Line:
    squares = tuple(_square(row, row.cell(item.id), item) for item in items)
    return Line(row, squares, any(square.kind == BAD for square in squares))


def _square(row: Row, cell: Cell | None, item: ItemColumn) -> Square:
    if cell is None:
        return Square(OUTSIDE)
    parts = (("", cell.killed_by), ("raised: ", cell.raised_by), ("ERROR: ", cell.errors))
    checks = tuple(head + " ".join(labels) for head, labels in parts if labels)
    lost = f"{MINUS}{round(cell.lost, 2):g}" if cell.failed else ""
    if row.role is Role.TEMPLATE:
        return Square(BAD if cell.passed else OWN, lost or "0", (), cell.note)
    proved = row.role is Role.MUTANT and row.own == item.id
    expected = bool(row.killers) if proved else not cell.failed or item.id in row.enclosing_items
    if cell.errors or not expected:
        return Square(BAD, lost or "survives", checks, cell.note)
    return Square(OWN if cell.failed else GOOD, lost, checks, cell.note)
