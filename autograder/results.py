"""Outcomes and results as values: the one thing that grading writes and reports read."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from autograder import __version__
from autograder.assignment import Assignment, Kind
from autograder.exhibits import Exhibit, ExhibitKind

__all__ = [
    "CheckResult",
    "Exhibit",
    "ExhibitKind",
    "Failure",
    "GradingResult",
    "ItemResult",
    "Kind",
    "Notice",
    "Outcome",
    "Times",
    "Wall",
    "nothing_graded",
]


class Outcome(StrEnum):
    """What became of a check or of an item."""

    PASS = "PASS"
    FAIL = "FAIL"
    ERROR = "ERROR"
    """The grader's own fault: the check also raises on the reference, in process, on the same example."""
    BLOCKED = "BLOCKED"
    """Could not be tried; the reason is in the message."""

    @property
    def is_provisional(self) -> bool:
        """Whether the item must be graded again."""
        return self in (Outcome.ERROR, Outcome.BLOCKED)


class _Record(BaseModel):
    # The outermost model says how numbers are written: curves may have some that are not finite.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Failure(_Record):
    """Why a check failed, in parts that a report can lay out; empty parts are left out."""

    summary: str
    call: str = ""
    inputs: tuple[str, ...] = ()
    expected: str = ""
    got: str = ""
    worst: str = ""
    unwritten: bool = False
    """Whether what was asked for is still what the template has in its place."""


class CheckResult(_Record):
    """One check: ``failure`` and ``exhibits`` are for students where it is public, ``staff_note`` never is."""

    id: str
    item: str
    title: str
    public: bool
    weight: float
    outcome: Outcome
    failure: Failure | None = None
    hint: str = ""
    misconception: str = ""
    staff_note: str = ""
    seconds: float = 0.0
    exhibits: tuple[Exhibit, ...] = ()


class ItemResult(_Record):
    """One line of the rubric with what was given for it; ``points`` is in [0, max_points]."""

    id: str
    title: str
    kind: Kind
    outcome: Outcome | None
    """None for items that people grade and for ungraded ones."""
    points: float
    max_points: float
    extra_credit: bool = False
    message: str = ""
    """One sentence for the student: why the item could not be graded, or what cost all of it."""
    checks: tuple[CheckResult, ...] = ()

    @property
    def needs_regrade(self) -> bool:
        """Whether the points are provisional: the grader was at fault or the item was not tried."""
        return self.outcome is not None and self.outcome.is_provisional


class Notice(_Record):
    """Something seen in the submission that the student should know; never costs points by itself."""

    text: str
    file: str = ""
    line: int | None = None
    minor: bool = False
    """Whether it only says what grading leaves alone, such as a command of a notebook."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: " if self.file else ""
        return where + self.text


class Wall(_Record):
    """One protection around the workers, and whether the machine offers it."""

    name: str
    held: bool
    note: str = ""


class Times(_Record):
    """Wall-clock seconds; the only part of a result that may differ between two gradings of one submission."""

    total: float = 0.0


class Lateness(_Record):
    """What handing in late does to the score."""

    coefficient: float = 1.0
    seconds: float = 0.0
    reason: str = ""


class GradingResult(_Record):
    """Everything that one grading found out."""

    assignment: str
    assignment_title: str
    assignment_version: str
    grader_version: str
    submission_digest: str
    items: tuple[ItemResult, ...]
    notices: tuple[Notice, ...] = ()
    walls: tuple[Wall, ...] = ()
    times: Times = Times()
    late: Lateness | None = None
    """None where the assignment has no late policy, or nobody asked."""
    public_only: bool = False
    """Whether only the checks were run that students have: their own try, not a grading."""

    @property
    def points(self) -> float:
        """Points that the grader gave, extra credit included, whenever it was handed in."""
        return round(sum(item.points for item in self._auto()), 4)

    @property
    def final_points(self) -> float:
        """Points after the late policy."""
        return round(self.points * (1.0 if self.late is None else self.late.coefficient), 4)

    @property
    def max_points(self) -> float:
        """Points that the grader could give, without extra credit."""
        return round(sum(item.max_points for item in self._auto() if not item.extra_credit), 4)

    @property
    def needs_regrade(self) -> bool:
        """Whether any item is provisional."""
        return any(item.needs_regrade for item in self.items)

    def _auto(self) -> list[ItemResult]:
        return [item for item in self.items if item.kind is Kind.AUTO]


def nothing_graded(assignment: Assignment, outcome: Outcome, message: str) -> GradingResult:
    """Return the result of a grading that found nothing out: each automatic item has 0 points and the message."""
    items = [
        ItemResult(
            id=item.id,
            title=item.title,
            kind=item.kind,
            outcome=outcome if item.is_auto else None,
            points=0.0,
            max_points=item.points,
            extra_credit=item.extra_credit,
            message=message if item.is_auto else "",
        )
        for item in assignment.manifest.items
    ]
    return GradingResult(
        assignment=assignment.slug,
        assignment_title=assignment.manifest.title,
        assignment_version=assignment.manifest.version,
        grader_version=__version__,
        submission_digest="",
        items=tuple(items),
    )
