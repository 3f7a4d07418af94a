"""Which of several submissions count."""

from __future__ import annotations

from enum import StrEnum


class Attempts(StrEnum):
    """Of the submissions of one student or group: all, the last, or the best of those that are graded."""

    ALL = "all"
    LAST = "last"
    BEST = "best"
