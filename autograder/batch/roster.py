"""Whom a row of a table that people made is about: by submission, student number or email."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autograder.batch.graded_class import GradedClass, Student
from autograder.batch.spreadsheet import Row, Table, normal_text
from autograder.errors import UserError


class Identification(StrEnum):
    """What a column tells a student by."""

    KEY = "key"
    SID = "sid"
    EMAIL = "email"


COLUMNS: Mapping[str, Identification] = {
    "key": Identification.KEY,
    "submission": Identification.KEY,
    "submission id": Identification.KEY,
    "sid": Identification.SID,
    "student id": Identification.SID,
    "sis user id": Identification.SID,
    "id number": Identification.SID,
    "idnumber": Identification.SID,
    "email": Identification.EMAIL,
    "email address": Identification.EMAIL,
    "sis login id": Identification.EMAIL,
}
"""Names of such columns, here and on the platforms, without regard to case."""
PASSED_OVER = frozenset({"name", "student", "full name", "first name", "last name", "surname", "section", "sections"})
"""Columns of people and platforms that tell nothing for sure: two students may have one name."""


@dataclass(frozen=True)
class Found:
    """Whom a row is about. Nobody where ``unknown`` says which id the class does not have, or ``mistake`` what is
    wrong with the row.
    """

    students: tuple[Student, ...] = ()
    unknown: str = ""
    mistake: str = ""


class Roster:
    """The students of a class by everything that names them."""

    def __init__(self, graded_class: GradedClass) -> None:
        """Index the class."""
        self._by: dict[Identification, dict[str, list[Student]]] = {one: defaultdict(list) for one in Identification}
        self._by_bare_sid: dict[str, list[Student]] = defaultdict(list)
        self._names: dict[Student, str] = {}
        for student, submitter, _ in graded_class.students():
            self._by[Identification.KEY][normal_text(student.key)].append(student)
            self._names[student] = normal_text(submitter.name)
            if sid := normal_text(submitter.sid):
                self._by[Identification.SID][sid.casefold()].append(student)
                self._by_bare_sid[_bare(sid)].append(student)
            if email := normal_text(submitter.email):
                self._by[Identification.EMAIL][email.casefold()].append(student)

    def columns(self, table: Table) -> dict[str, Identification]:
        """Return the columns of a table that name students; raise `UserError` where it has none."""
        found = {name: COLUMNS[name.strip().casefold()] for name in table.columns if name.strip().casefold() in COLUMNS}
        if not found:
            raise UserError(f"{table.path}: no column says which student a row is about; add one of key, sid, email")
        return found

    def find(self, row: Row, columns: Mapping[str, Identification]) -> Found:
        """Return whom a row is about: all of a group where it names their submission alone, without a name of one."""
        given = [(columns[name], row.cells.get(name, "")) for name in columns]
        given = [(how, text) for how, text in given if text]
        if not given:
            return Found(mistake="names no student; fill in key, sid or email")
        groups = [(how, text, self._named(how, text)) for how, text in given]
        if missing := [f"{how} {text}" for how, text, students in groups if not students]:
            return Found(unknown=" and ".join(missing))
        common = set(groups[0][2]).intersection(*(students for *_, students in groups))
        who = " and ".join(f"{how} {text}" for how, text in given)
        if not common:
            return Found(mistake=f"{who} are different students; correct one of them")
        if len({student.key for student in common}) > 1:
            keys = ", ".join(sorted(student.key for student in common))
            return Found(mistake=f"{who} is in several submissions ({keys}); add a column key that says which")
        name = next((text for column, text in row.cells.items() if column.casefold() == "name"), "")
        so_named = {student for student in common if name and self._names[student] == name}
        return Found(tuple(sorted(so_named or common, key=lambda student: student.place)))

    def _named(self, how: Identification, text: str) -> list[Student]:
        if how is Identification.KEY:
            return self._by[how].get(text, [])
        exact = self._by[how].get(text.casefold(), [])
        return exact if exact or how is Identification.EMAIL else self._by_bare_sid.get(_bare(text), [])


def _bare(sid: str) -> str:
    """Return a student number without the zeros before it, which spreadsheets drop."""
    return sid.casefold().lstrip("0")
