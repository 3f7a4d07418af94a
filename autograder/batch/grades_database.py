"""The gradebook as an SQLite database, for pandas and for questions across a class; docs/grade-a-class.md has its
schema.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from autograder.assignment import Kind
from autograder.batch.final_grades import FinalGrades, Grade
from autograder.batch.graded_class import GradedClass, GradedSubmission
from autograder.errors import UserError
from autograder.results import CheckResult, ItemResult, Outcome

DATABASE = "gradebook.sqlite"
"""The database's name in the folder of a batch."""

_SCHEMA = """
CREATE TABLE assignment (slug TEXT PRIMARY KEY, title TEXT, version TEXT);
CREATE TABLE item (
    item TEXT PRIMARY KEY, position INTEGER, title TEXT, kind TEXT, max_points REAL, extra_credit INTEGER,
    training INTEGER
);
CREATE TABLE submission (
    submission TEXT PRIMARY KEY, position INTEGER, created_at TEXT, platform_score REAL, problem TEXT, status TEXT,
    fault TEXT, why TEXT, seconds REAL, late_coefficient REAL, late_seconds REAL, late_reason TEXT,
    submission_digest TEXT, grader_digest TEXT, grader_version TEXT
);
CREATE TABLE submitter (
    submission TEXT REFERENCES submission, place INTEGER, name TEXT, sid TEXT, email TEXT, final_points REAL,
    PRIMARY KEY (submission, place)
);
CREATE TABLE item_outcome (
    submission TEXT REFERENCES submission, item TEXT REFERENCES item, outcome TEXT, points REAL, provisional INTEGER,
    message TEXT, seconds REAL, PRIMARY KEY (submission, item)
);
CREATE TABLE manual_points (
    submission TEXT, place INTEGER, item TEXT REFERENCES item, points REAL, PRIMARY KEY (submission, place, item),
    FOREIGN KEY (submission, place) REFERENCES submitter
);
CREATE TABLE check_outcome (
    submission TEXT REFERENCES submission, item TEXT REFERENCES item, "check" TEXT, title TEXT, public INTEGER,
    weight REAL, outcome TEXT, misconception TEXT, hint TEXT, summary TEXT, seconds REAL
);
CREATE INDEX check_outcome_of_item ON check_outcome (item, outcome);
CREATE VIEW outcomes AS
SELECT s.submission, s.status, s.fault, s.why, i.item, i.title AS item_title, i.kind, i.max_points, i.extra_credit,
    o.outcome AS item_outcome, o.points, o.provisional, c."check", c.title AS check_title, c.public, c.weight,
    c.outcome, c.misconception, c.hint, c.seconds
FROM submission AS s CROSS JOIN item AS i
LEFT JOIN item_outcome AS o USING (submission, item)
LEFT JOIN check_outcome AS c USING (submission, item)
ORDER BY s.position, i.position, c.rowid;
CREATE VIEW grades AS
SELECT p.submission, p.place, p.name, p.sid, p.email, s.status, s.fault, s.why,
    (SELECT sum(points) FROM item_outcome AS o WHERE o.submission = p.submission)
        AS points_by_grader,
    (SELECT sum(points) FROM manual_points AS m WHERE m.submission = p.submission AND m.place = p.place)
        AS points_by_people,
    s.late_coefficient, p.final_points
FROM submitter AS p JOIN submission AS s USING (submission)
ORDER BY s.position, p.place;
"""


def write_database(path: Path, grades: FinalGrades) -> None:
    """Replace the database by the grades in one step: readers, and a crash at any moment, find the old or the new.

    It is for its owner alone. Raises `UserError` where it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        try:
            _fill(temporary, grades)
            _sync(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (OSError, sqlite3.OperationalError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path}: cannot be written ({what}); make room, or see who may write there") from None


def _fill(path: Path, grades: FinalGrades) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")  # nobody sees the file before it is complete
        connection.executescript(_SCHEMA)
        for table, rows in _rows(grades):
            _insert(connection, table, rows)
        connection.commit()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    width = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
    places = ", ".join("?" * width)
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", (tuple(map(_storable, row)) for row in rows))


def _rows(grades: FinalGrades) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    whole = grades.graded_class
    late = {grade.student.key: grade for grade in grades.grades}
    yield (
        "assignment",
        iter([(whole.assignment.slug, whole.assignment.manifest.title, whole.assignment.manifest.version)]),
    )
    yield "item", _items(whole)
    yield "submission", (_submission(n, one, late[one.entry.key]) for n, one in enumerate(whole.submissions))
    yield "submitter", (_submitter(grade) for grade in grades.grades)
    yield "item_outcome", (row for one in whole.submissions for row in _item_outcomes(one))
    yield "item_outcome", _nothing_read(whole)
    yield "manual_points", (row for grade in grades.grades for row in _manual_points(grade))
    yield "check_outcome", (row for one in whole.submissions for row in _check_outcomes(one))


def _items(whole: GradedClass) -> Iterator[tuple[Any, ...]]:
    for n, item in enumerate(whole.assignment.manifest.items):
        yield item.id, n, item.title, item.kind.value, item.points, item.extra_credit, item.training


def _submission(position: int, one: GradedSubmission, grade: Grade) -> tuple[Any, ...]:
    submission, result = one.submission, one.graded.result if one.graded is not None else None
    created_at = submission.created_at.isoformat() if submission.created_at is not None else None
    digests = (one.entry.submission_digest, one.entry.grader_digest)
    return (
        *(submission.key, position, created_at, submission.platform_score, submission.problem),
        *(one.status, one.fault.value, one.why, one.graded.seconds if one.graded is not None else None),
        *(grade.late.coefficient, grade.late.seconds, grade.late.reason),
        *(*digests, result.grader_version if result is not None else None),
    )


def _submitter(grade: Grade) -> tuple[Any, ...]:
    who = grade.submitter
    return grade.student.key, grade.student.place, who.name, who.sid, who.email, grade.final_points


def _item_outcomes(one: GradedSubmission) -> Iterator[tuple[Any, ...]]:
    """Give the items of the grader as the gradebook counts them: what is provisional has no points yet."""
    for item in one.items.values():
        if item.kind is Kind.AUTO and item.outcome is not None:
            points = None if item.needs_regrade else item.points
            yield one.entry.key, item.id, item.outcome.value, points, item.needs_regrade, item.message, _seconds(item)


def _nothing_read(whole: GradedClass) -> Iterator[tuple[Any, ...]]:
    """Give the items of submissions in which nothing can be read."""
    for one in whole.submissions:
        for item in whole.item_ids(Kind.AUTO) if one.is_worth_nothing else ():
            yield one.entry.key, item, Outcome.FAIL.value, 0.0, False, one.why, 0.0


def _seconds(item: ItemResult) -> float:
    return round(sum(check.seconds for check in item.checks), 3)


def _manual_points(grade: Grade) -> Iterator[tuple[Any, ...]]:
    for item in grade.manifest.items:
        if item.kind is Kind.MANUAL and item.id in grade.points:
            yield grade.student.key, grade.student.place, item.id, grade.points[item.id]


def _check_outcomes(one: GradedSubmission) -> Iterator[tuple[Any, ...]]:
    for item in one.items.values():
        for check in item.checks:
            yield one.entry.key, item.id, *_check(check)


def _check(check: CheckResult) -> tuple[Any, ...]:
    summary = check.failure.summary if check.failure is not None else ""
    return (
        *(check.id, check.title, check.public, check.weight, check.outcome.value),
        *(check.misconception, check.hint, summary, check.seconds),
    )


def _storable(value: Any) -> Any:
    """Spell out what is not Unicode: a name in an archive may have any bytes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
