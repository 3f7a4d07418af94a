"""When work was due: one moment for the class, and extensions of some."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.batch.grade_columns import OWN_COLUMNS
from autograder.batch.graded_class import GradedClass
from autograder.batch.roster import COLUMNS, PASSED_OVER, Roster
from autograder.batch.spreadsheet import read_table
from autograder.errors import UserError, did_you_mean

DUE = "due"
"""The column of an extension."""


@dataclass
class DueDates:
    """When each submission was due, in UTC: ``due`` where nobody of its group has an extension; None: nobody knows."""

    due: datetime | None = None
    extended: dict[str, datetime] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def of(self, key: str) -> datetime | None:
        """Return the latest moment of all who handed a submission in together."""
        known = [moment for moment in (self.due, self.extended.get(key)) if moment is not None]
        return max(known, default=None)


def parse_moment(text: str, zone: str) -> datetime | None:
    """Return an ISO 8601 moment in UTC, read in ``zone`` where it names none; None for anything else."""
    plain = text.strip()
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return None
    if len(plain) <= len("2026-02-01"):  # a day has no moment: its beginning, as Python has it, is hardly meant
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    return aware.astimezone(UTC)


def read_due_dates(due: str | None, extensions: Path | None, graded_class: GradedClass) -> DueDates:
    """Return when each submission of the class was due.

    ``extensions`` is a CSV file: its rows name students by key, sid or email, and have the moment in the column
    ``due``. Raises `UserError` for a moment that cannot be read, and for a file that is not such a table.
    """
    zone = graded_class.assignment.manifest.late.zone
    moment = None if due is None else parse_moment(due, zone)
    if due is not None and moment is None:
        raise UserError(f"--due {due}: {_how_to_write(zone)}")
    dates = DueDates(moment)
    if extensions is not None:
        _read_extensions(extensions, graded_class, zone, dates)
    return dates


def _read_extensions(path: Path, graded_class: GradedClass, zone: str, dates: DueDates) -> None:
    table = read_table(path)
    roster = Roster(graded_class)
    columns = roster.columns(table)
    names = {name.strip().casefold(): name for name in table.columns}
    for folded, name in names.items():
        if folded not in {*COLUMNS, *PASSED_OVER, *OWN_COLUMNS, DUE, ""}:
            near = did_you_mean(name, (DUE, "key", "sid", "email"))
            raise UserError(f"{path}: the column {name!r} is not known here{near}")
    if DUE not in names:
        raise UserError(f"{path}: no column says when work is due; add one called {DUE}")
    for row in table.rows:
        where = f"{path}, line {row.number}"
        text = row.cells.get(names[DUE], "").strip()
        if not text:
            continue
        found, moment = roster.find(row, columns), parse_moment(text, zone)
        if found.mistake:
            dates.mistakes.append(f"{where}: {found.mistake}")
        elif moment is None:
            dates.mistakes.append(f"{where}: {text!r}: {_how_to_write(zone)}")
        elif found.unknown:
            dates.remarks.append(f"{where}: nobody in the class has {found.unknown}; the extension does not count")
        else:
            for student in found.students:
                dates.extended[student.key] = max(moment, dates.extended.get(student.key, moment))


def _how_to_write(zone: str) -> str:
    return f"not a moment; write it like 2026-02-01T23:59, and behind it +01:00 or Z where it is not in {zone}"
