"""Forms of a table of grades, and the columns of our own."""

from __future__ import annotations

from enum import StrEnum


class TableFormat(StrEnum):
    """Whose form a table of grades has."""

    WIDE = "wide"
    """Ours: a row for everyone who handed in whatever became of it, a column for each item."""
    CANVAS = "canvas"
    MOODLE = "moodle"
    GRADESCOPE = "gradescope"


OWN_COLUMNS = (
    "key",
    "name",
    "sid",
    "email",
    "created_at",
    "grading_status",
    "fault",
    "why",
    "missing",
    "points_by_grader",
    "max_by_grader",
    "points_by_people",
    "max_by_people",
    "late_coefficient",
    "late_reason",
    "final_points",
    "max_points",
)
"""What is before the columns of the items."""


def column_of(item_id: str) -> str:
    """Return the name of an item's column: its id, or where that is taken, ``item`` and its id."""
    return f"item {item_id}" if item_id in OWN_COLUMNS else item_id
