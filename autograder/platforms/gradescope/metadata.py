"""Gradescope's words about a submission, ``submission_metadata.json``, read without trusting any of it to be there."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Attempt:
    """An earlier submission that was graded; times are aware and in UTC."""

    id: str = ""
    submitted_at: datetime | None = None
    score: float | None = None


@dataclass(frozen=True)
class Metadata:
    """The facts that grading may use; None means that the platform did not say. Times are aware and in UTC."""

    id: str = ""
    created_at: datetime | None = None
    due_date: datetime | None = None
    """With the longest extension of the submitters."""
    late_due_date: datetime | None = None
    total_points: float | None = None
    submission_method: str = ""
    previous: tuple[Attempt, ...] = ()
    """Oldest first, without those that the autograder itself failed on."""

    @property
    def attempt(self) -> int:
        """Number of this submission among the student's, from 1."""
        return len(self.previous) + 1

    @property
    def seconds_late(self) -> float:
        """Seconds after the due date; 0 where it was handed in on time or where nobody knows."""
        if self.created_at is None or self.due_date is None:
            return 0.0
        return max(0.0, (self.created_at - self.due_date).total_seconds())


def read_metadata(path: Path) -> Metadata:
    """Return what the file says; a file that is missing or malformed says nothing. Raises nothing."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return Metadata()
    return parse_metadata(data)


def parse_metadata(data: object) -> Metadata:
    """Return what the decoded JSON says; whatever has an unexpected type counts as missing. Raises nothing."""
    top = _object(data)
    assignment = _object(top.get("assignment"))
    return Metadata(
        id=_text(top.get("id")),
        created_at=_time(top.get("created_at")),
        due_date=_deadline(top, assignment, "due_date"),
        late_due_date=_deadline(top, assignment, "late_due_date"),
        total_points=_number(assignment.get("total_points")),
        submission_method=_text(top.get("submission_method")),
        previous=_previous(top.get("previous_submissions")),
    )


def _deadline(top: dict[str, Any], assignment: dict[str, Any], key: str) -> datetime | None:
    """Return the latest of the submitters' own dates, else the assignment's."""
    own = [_time(_object(_object(user).get("assignment")).get(key)) for user in _list(top.get("users"))]
    return max((time for time in own if time is not None), default=_time(assignment.get(key)))


def _previous(value: object) -> tuple[Attempt, ...]:
    return tuple(sorted(_attempts(value), key=lambda attempt: (attempt.submitted_at or _EARLIEST, attempt.id)))


def _attempts(value: object) -> Iterator[Attempt]:
    for entry in _list(value):
        attempt = _object(entry)
        if attempt and not _is_true(attempt.get("autograder_error")):
            yield Attempt(
                _text(attempt.get("id")), _time(attempt.get("submission_time")), _number(attempt.get("score"))
            )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _text(value: object) -> str:
    """Return an id or a word as text; ids come as numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)


def _number(value: object) -> float | None:
    """Return a finite number given as a number or as text (``"20.0"``)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _time(value: object) -> datetime | None:
    """Return an ISO 8601 time with a zone, in UTC; a time without a zone could be any hour, so it counts as missing."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
