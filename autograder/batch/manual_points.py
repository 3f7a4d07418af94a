"""Points that people gave: a CSV file with a row per student and a column per manual item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.assignment import Kind
from autograder.batch.grade_columns import OWN_COLUMNS, column_of
from autograder.batch.graded_class import GradedClass, Student
from autograder.batch.roster import COLUMNS, PASSED_OVER, Roster
from autograder.batch.spreadsheet import Row, Table, read_table
from autograder.errors import UserError, did_you_mean

TOLERANCE = 1e-3
"""By how much a number that went through a spreadsheet may differ: tables are written with 4 decimals."""


@dataclass
class Merged:
    """What a file of people gave; ``mistakes`` must be corrected before it counts, ``remarks`` are to be looked at."""

    points: dict[Student, dict[str, float]] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_manual_points(path: Path, graded_class: GradedClass) -> Merged:
    """Return the points of a CSV file by student and item; empty cells are points that are still missing.

    A row names its student by key, sid or email, a group by its key alone. The grades.csv of a batch, filled in, is
    such a file. Each line that is wrong is a mistake: points that are no number, below 0 or above the maximum, a
    student who is there twice, points of the grader that were changed. Raises `UserError` for a file that is not such a
    table.
    """
    table = read_table(path)
    roster = Roster(graded_class)
    reader = _Reader(table, graded_class, _item_columns(table, graded_class))
    columns = roster.columns(table)
    for row in table.rows:
        found = roster.find(row, columns)
        where = f"{path}, line {row.number}"
        if found.mistake:
            reader.merged.mistakes.append(f"{where}: {found.mistake}")
        elif found.unknown:
            if reader.gives_points(row):
                unknown = f"nobody in the class has {found.unknown}; these points do not count"
                reader.merged.remarks.append(f"{where}: {unknown}")
        else:
            reader.take(row, found.students, where)
    return reader.merged


def _item_columns(table: Table, graded_class: GradedClass) -> dict[str, str]:
    """Return the item of each column that is one; raise `UserError` for a column that is nothing, or without any."""
    manual = graded_class.item_ids(Kind.MANUAL)
    if not manual:
        raise UserError(f"{table.path}: people grade nothing in {graded_class.assignment.slug}; leave out --manual")
    items = {column_of(item.id): item.id for item in graded_class.assignment.manifest.items}
    found = {name: items[name.strip().casefold()] for name in table.columns if name.strip().casefold() in items}
    known = {*COLUMNS, *PASSED_OVER, *OWN_COLUMNS, *items, ""}
    for name in table.columns:
        if name.strip().casefold() not in known:
            near = did_you_mean(name, map(column_of, manual))
            raise UserError(f"{table.path}: no manual item {name!r} in the rubric{near}")
    if not set(found.values()) & set(manual):
        raise UserError(f"{table.path}: no column of a manual item{did_you_mean('', manual)}")
    return found


class _Reader:
    """Takes the rows of a file, one after the other."""

    def __init__(self, table: Table, graded_class: GradedClass, columns: Mapping[str, str]) -> None:
        self.merged = Merged()
        self._table, self._columns = table, columns
        self._rubric = {item.id: item for item in graded_class.assignment.manifest.items}
        self._given = {one.entry.key: one for one in graded_class.submissions}
        self._lines: dict[tuple[Student, str], int] = {}

    def gives_points(self, row: Row) -> bool:
        """Whether there are points of a manual item in a row."""
        manual = (name for name, item in self._columns.items() if self._rubric[item].kind is Kind.MANUAL)
        return any(row.cells.get(name, "").strip() for name in manual)

    def take(self, row: Row, students: Sequence[Student], where: str) -> None:
        """Take what a row has for the students it is about."""
        for name, item in self._columns.items():
            text = row.cells.get(name, "").strip()
            if not text:
                continue
            if self._rubric[item].kind is not Kind.MANUAL:
                self._compare(item, text, students[0], where)
                continue
            points = self._table.number(text)
            if problem := self._problem(item, text, points):
                self.merged.mistakes.append(f"{where}: {problem}")
            elif points is not None:
                for student in students:
                    self._keep(student, item, points, row.number, where)

    def _keep(self, student: Student, item: str, points: float, line: int, where: str) -> None:
        before = self._lines.setdefault((student, item), line)
        if before != line:
            self.merged.mistakes.append(f"{where}: the same student has {item} in line {before} already; keep one")
        else:
            self.merged.points.setdefault(student, {})[item] = points

    def _problem(self, item: str, text: str, points: float | None) -> str:
        most = self._rubric[item].points
        if points is None:
            return f"{item}: {text!r} is not a number of points; write one from 0 to {most:g}, or nothing"
        if not 0 <= points <= most:
            return f"{item}: {text} points, and there are {most:g}; write a number from 0 to {most:g}"
        return ""

    def _compare(self, item: str, text: str, student: Student, where: str) -> None:
        """Points of the grader may be in the file, as they were: who changes them would find that nothing changed."""
        one = self._given[student.key]
        known = one.items[item].points if item in one.items else 0.0 if one.is_worth_nothing else None
        points = self._table.number(text)
        if known is None or points is None or abs(points - known) > TOLERANCE:
            shown = "nothing yet" if known is None else f"{known:g}"
            self.merged.mistakes.append(
                f"{where}: {item} is graded by the grader, which gave {shown}, not {text}; leave that cell empty"
            )
