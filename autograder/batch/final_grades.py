"""Grades: what the grader gave, what people gave, what was late, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder.assignment import Item, Kind, LatePolicy, Manifest
from autograder.batch.due_dates import DueDates
from autograder.batch.graded_class import GradedClass, GradedSubmission, Student, listed_names, named
from autograder.batch.listing import Submitter
from autograder.grading.late import lateness
from autograder.results import Lateness


@dataclass(frozen=True)
class Grade:
    """What one student has. ``points`` has an entry for each item that is final; an item without is in ``missing``.

    ``provisional`` are the missing ones that the grader has to grade, or to grade again.
    """

    student: Student
    submitter: Submitter
    of: GradedSubmission
    manifest: Manifest
    points: Mapping[str, float]
    missing: tuple[str, ...]
    provisional: tuple[str, ...]
    late: Lateness

    def sum(self, kind: Kind) -> float | None:
        """Return the points of the items of one kind so far, extra credit included; None where none is final."""
        found = [self.points[item.id] for item in self.manifest.items if item.kind is kind and item.id in self.points]
        return round(sum(found), 4) if found else None

    @property
    def final_points(self) -> float | None:
        """All points times what lateness leaves of them; None as long as something is missing."""
        return None if self.missing else round(sum(self.points.values()) * self.late.coefficient, 4)


@dataclass(frozen=True)
class FinalGrades:
    """The grades of a class, a row for everyone who handed in, and what is to be looked at."""

    graded_class: GradedClass
    grades: tuple[Grade, ...]
    remarks: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """A line for each student whose grade is not final: what is still missing."""
        return tuple(line for grade in self.grades if (line := _missing_line(grade)))


def final_grades(
    graded_class: GradedClass,
    manual: Mapping[Student, Mapping[str, float]] | None = None,
    dates: DueDates | None = None,
) -> FinalGrades:
    """Return the grades of everyone who handed in.

    An item of the grader is final when its outcome is; of a submission in which nothing can be read each has 0 points,
    and people need not grade it. The late policy of the assignment takes its part of all points, of people's as well.
    """
    given = {} if manual is None else manual
    dates = DueDates() if dates is None else dates
    grades = tuple(
        _grade(graded_class, student, submitter, one, given.get(student, {}), dates)
        for student, submitter, one in graded_class.students()
    )
    return FinalGrades(graded_class, grades, tuple(_remarks(graded_class, dates)))


@dataclass
class _Tally:
    points: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    provisional: list[str] = field(default_factory=list)

    def take(self, item: Item, points: float | None) -> None:
        if points is not None:
            self.points[item.id] = points
            return
        self.missing.append(item.id)
        if item.is_auto:
            self.provisional.append(item.id)


def _grade(
    graded_class: GradedClass,
    student: Student,
    submitter: Submitter,
    one: GradedSubmission,
    manual: Mapping[str, float],
    dates: DueDates,
) -> Grade:
    manifest = graded_class.assignment.manifest
    tally = _Tally()
    found = one.items
    for item in manifest.items:
        if item.is_auto:
            result = found.get(item.id)
            final = result.points if result is not None and not result.needs_regrade else None
            tally.take(item, 0.0 if one.is_worth_nothing else final)
        elif item.kind is Kind.MANUAL:
            tally.take(item, manual.get(item.id, 0.0 if one.is_worth_nothing else None))
    late = lateness(manifest.late, one.submission.created_at, dates.of(student.key))
    return Grade(student, submitter, one, manifest, tally.points, tuple(tally.missing), tuple(tally.provisional), late)


def _missing_line(grade: Grade) -> str:
    """Say what one student lacks; "" where the grade is final."""
    by_people = [item for item in grade.missing if item not in grade.provisional]
    parts = []
    if grade.provisional:
        why = f": {grade.of.why}" if grade.of.why else ""
        parts.append(f"provisional, {grade.of.status}{why} ({listed_names(grade.provisional)})")
    if by_people:
        parts.append(f"no points of people for {listed_names(by_people)}")
    return f"{named(grade.submitter, grade.student.key)}: {'; '.join(parts)}" if parts else ""


def _remarks(graded_class: GradedClass, dates: DueDates) -> list[str]:
    remarks = list(dates.remarks)
    policy = graded_class.assignment.manifest.late.policy
    nothing_known = dates.due is None and not dates.extended
    if policy is not LatePolicy.NONE and nothing_known:
        remarks.append(f"nothing is taken off for lateness: the policy is {policy.value}, and no --due says since when")
    if policy is LatePolicy.NONE and not nothing_known:
        remarks.append("due dates change nothing: the assignment has no late policy")
    if policy is not LatePolicy.NONE and not nothing_known:
        unknown = [one.entry.key for one in graded_class.submissions if one.submission.created_at is None]
        if unknown:
            remarks.append(f"nobody knows when {listed_names(unknown)} came in; taken as on time")
    return remarks + _students_twice(graded_class)


def _students_twice(graded_class: GradedClass) -> list[str]:
    """Name students who handed in with several submissions: each has its own row."""
    keys: dict[str, list[str]] = {}
    for student, submitter, _ in graded_class.students():
        if who := submitter.sid or submitter.email.casefold():
            keys.setdefault(who, []).append(student.key)
    return [f"{who} is in {len(found)} submissions: {listed_names(found)}" for who, found in keys.items() if found[1:]]
