"""Grades as tables: our own wide one, and those that Canvas and Moodle take in or Gradescope gives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.assignment import Item, Kind
from autograder.batch.final_grades import FinalGrades, Grade
from autograder.batch.grade_columns import OWN_COLUMNS, TableFormat, column_of
from autograder.batch.graded_class import listed_names, named
from autograder.batch.spreadsheet import Value, csv_text


@dataclass(frozen=True)
class GradeTable:
    """A table as CSV, and who is not in it."""

    text: str
    remarks: tuple[str, ...] = ()


def grade_table(grades: FinalGrades, form: TableFormat, *, column: str = "") -> GradeTable:
    """Return the grades in one form. ``column`` is what a platform calls the assignment [default: its title].

    Only grades that are final, of students whom the platform can find, are in the tables that platforms take in: an
    empty cell may well delete what is there. All others are named in the remarks.
    """
    title = column or grades.graded_class.assignment.manifest.title
    if form is TableFormat.CANVAS:
        return _canvas(grades, title)
    if form is TableFormat.MOODLE:
        return _moodle(grades, title)
    return GradeTable(_gradescope(grades) if form is TableFormat.GRADESCOPE else _wide(grades))


def _wide(grades: FinalGrades) -> str:
    items = grades.graded_class.assignment.manifest.items
    graded = [item for item in items if item.kind is not Kind.UNGRADED]
    header = [*OWN_COLUMNS, *(column_of(item.id) for item in graded)]
    return csv_text(header, (_wide_row(grade, graded) for grade in grades.grades))


def _wide_row(grade: Grade, items: Sequence[Item]) -> list[Value]:
    created_at = grade.of.submission.created_at
    by_grader, by_people = (grade.manifest.total(kind) for kind in (Kind.AUTO, Kind.MANUAL))
    return [
        grade.student.key,
        grade.submitter.name,
        grade.submitter.sid,
        grade.submitter.email,
        created_at.isoformat() if created_at is not None else None,
        grade.of.status,
        grade.of.fault.value,
        grade.of.why,
        " ".join(grade.missing),
        grade.sum(Kind.AUTO),
        by_grader,
        grade.sum(Kind.MANUAL),
        by_people,
        grade.late.coefficient,
        grade.late.reason,
        grade.final_points,
        by_grader + by_people,
        *(grade.points.get(item.id) for item in items),
    ]


def _canvas(grades: FinalGrades, title: str) -> GradeTable:
    """Canvas's Gradebook import: it finds students by SIS User ID, then by SIS Login ID."""
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]
    manifest = grades.graded_class.assignment.manifest
    rows: list[list[Value]] = [["Points Possible", "", "", "", "", manifest.total(Kind.AUTO) + _by_people(grades)]]
    final, remarks = _final(grades)
    for grade in final:
        who = grade.submitter
        rows.append([who.name, "", who.sid, who.email, "", grade.final_points])
    return GradeTable(csv_text(header, rows), remarks)


def _moodle(grades: FinalGrades, title: str) -> GradeTable:
    """Moodle's grade import, which asks which column is which: map email addresses or ID numbers, and the grade."""
    final, remarks = _final(grades)
    rows = [[one.submitter.sid, one.submitter.email, one.submitter.name, one.final_points] for one in final]
    return GradeTable(csv_text(["ID number", "Email address", "Full name", title], rows), remarks)


def _gradescope(grades: FinalGrades) -> str:
    """The form of Gradescope's own export of grades, for programs that read it; Gradescope takes in no grades."""
    manifest = grades.graded_class.assignment.manifest
    items = [item for item in manifest.items if item.kind is not Kind.UNGRADED]
    header = ["Name", "SID", "Email", "Total Score", "Max Points", "Status", "Submission ID", "Submission Time"]
    header += ["Lateness (H:M:S)", *(f"{n}: {item.title} ({item.points:g} pts)" for n, item in enumerate(items, 1))]
    most = manifest.total(Kind.AUTO) + _by_people(grades)
    return csv_text(header, (_gradescope_row(grade, items, most) for grade in grades.grades))


def _gradescope_row(grade: Grade, items: Sequence[Item], most: float) -> list[Value]:
    created_at, who = grade.of.submission.created_at, grade.submitter
    return [
        who.name,
        who.sid,
        who.email,
        grade.final_points,
        most,
        "Graded" if grade.final_points is not None else "Ungraded",
        grade.student.key.removeprefix("submission_"),
        f"{created_at:%Y-%m-%d %H:%M:%S %z}" if created_at is not None else None,
        _clock(grade.late.seconds),
        *(grade.points.get(item.id) for item in items),
    ]


def _by_people(grades: FinalGrades) -> float:
    return grades.graded_class.assignment.manifest.total(Kind.MANUAL)


def _final(grades: FinalGrades) -> tuple[list[Grade], tuple[str, ...]]:
    """Return the grades that a platform can take in, and remarks on who is left out."""
    final = [grade for grade in grades.grades if grade.final_points is not None]
    found = [grade for grade in final if _is_findable(grade)]
    open_ones = [grade for grade in grades.grades if grade.final_points is None]
    unknown = [grade for grade in final if not _is_findable(grade)]
    reasons = (("their grades are not final", open_ones), ("nobody knows their number or email", unknown))
    return found, tuple(f"not in the table, since {why}: {_names(who)}" for why, who in reasons if who)


def _is_findable(grade: Grade) -> bool:
    return bool(grade.submitter.sid or grade.submitter.email)


def _names(grades: Sequence[Grade]) -> str:
    return listed_names([named(one.submitter, one.student.key) for one in grades], len(grades))


def _clock(seconds: float) -> str:
    whole = int(max(0.0, seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
