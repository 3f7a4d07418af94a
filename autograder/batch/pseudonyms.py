"""Pseudonyms of students and submissions: drawn at random, the same in every run, known from one file alone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.batch.graded_class import GradedClass
from autograder.batch.listing import Submitter
from autograder.batch.spreadsheet import Row, csv_text, normal_text, read_table
from autograder.errors import UserError
from autograder.platforms.gradescope.results_json import replace_file

PSEUDONYMS = "pseudonyms.csv"
"""The key file's name in the folder of a batch: whoever has it knows everyone."""
COLUMNS = ("kind", "pseudonym", "key", "name", "sid", "email")
STUDENT, SUBMISSION = "student", "submission"


@dataclass(frozen=True)
class _Line:
    """Whom, or what, a pseudonym stands for."""

    kind: str
    pseudonym: str
    key: str = ""
    name: str = ""
    sid: str = ""
    email: str = ""


class Pseudonyms:
    """The key file of a class. A pseudonym tells nothing: it is drawn, not made from what it stands for."""

    def __init__(self, path: Path) -> None:
        """Read the file, if it is there; raise `UserError` where it is not such a file."""
        self.path = path
        self._lines = list(_read(path)) if path.exists() else []
        self._taken = {line.pseudonym for line in self._lines}
        self._by: dict[tuple[str, str], str] = {}
        for line in self._lines:
            self._index(line)

    def name_all(self, graded_class: GradedClass) -> None:
        """Give a pseudonym to everyone in the class, and write the file, for its owner alone, before any is used.

        Raises `UserError` where it cannot be written.
        """
        before = len(self._lines)
        for one in graded_class.submissions:
            self._draw(_Line(SUBMISSION, "", normal_text(one.entry.key)))
            for submitter in one.submission.submitters:
                self._draw(_student(submitter))
        if len(self._lines) == before and self.path.exists():
            return
        try:
            replace_file(self.path, csv_text(COLUMNS, map(_cells, self._lines)).encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror}); nothing was anonymised") from None

    def of_submission(self, key: str) -> str:
        """Return the pseudonym of a submission that was named."""
        return self._by[(SUBMISSION, normal_text(key))]

    def of_student(self, submitter: Submitter) -> str:
        """Return the pseudonym of a student who was named: of whoever has the number, else the email, else the name."""
        return next(self._by[place] for place in _places(_student(submitter)) if place in self._by)

    def _draw(self, line: _Line) -> None:
        places = list(_places(line))
        if not places or any(place in self._by for place in places):
            return
        while True:
            drawn = f"{line.kind}-{secrets.token_hex(4)}"
            if drawn not in self._taken:
                break
        self._taken.add(drawn)
        self._lines.append(_Line(line.kind, drawn, line.key, line.name, line.sid, line.email))
        self._index(self._lines[-1])

    def _index(self, line: _Line) -> None:
        for place in _places(line):
            self._by.setdefault(place, line.pseudonym)


def _student(submitter: Submitter) -> _Line:
    return _Line(STUDENT, "", "", normal_text(submitter.name), normal_text(submitter.sid), normal_text(submitter.email))


def _places(line: _Line) -> Iterator[tuple[str, str]]:
    """Give what tells a line, the surest first; a name does only where there is nothing else."""
    if line.kind == SUBMISSION:
        yield SUBMISSION, line.key
        return
    if line.sid:
        yield "sid", line.sid.casefold()
    if line.email:
        yield "email", line.email.casefold()
    if line.name and not (line.sid or line.email):
        yield "name", line.name


def _cells(line: _Line) -> tuple[str, ...]:
    return line.kind, line.pseudonym, line.key, line.name, line.sid, line.email


def _read(path: Path) -> Iterator[_Line]:
    table = read_table(path)
    if table.columns != COLUMNS:
        raise UserError(f"{path}: not a key file of pseudonyms; its columns are {', '.join(COLUMNS)}; put it elsewhere")
    yield from (_line(path, row) for row in table.rows)


def _line(path: Path, row: Row) -> _Line:
    values = {name: row.cells.get(name, "") for name in COLUMNS}
    if values["kind"] not in (STUDENT, SUBMISSION) or not values["pseudonym"]:
        raise UserError(f"{path}, line {row.number}: no pseudonym of a {STUDENT} or a {SUBMISSION}; restore the file")
    return _Line(**values)
