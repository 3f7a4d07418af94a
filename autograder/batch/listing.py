"""What a batch speaks of: the submissions of a class, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from autograder.results import GradingResult


@dataclass(frozen=True)
class Submitter:
    """A student as the platform names them; whatever it does not say is ""."""

    name: str = ""
    sid: str = ""
    email: str = ""


@dataclass(frozen=True)
class ListedSubmission:
    """One submission of a class, before it is graded. ``key`` is unique in the class, and stable between runs.

    ``source`` is what was handed in, to be read as any submission; where it lies in an archive of the whole class,
    ``source`` is that archive and ``inside`` the folder in it. Where the files of all students are in one folder,
    ``files`` are this submission's, each with what its student called it. ``created_at`` is aware, in UTC. Where there
    is nothing to grade, ``problem`` says why, in words for staff.
    """

    key: str
    source: Path
    inside: str = ""
    submitters: tuple[Submitter, ...] = ()
    created_at: datetime | None = None
    platform_score: float | None = None
    problem: str = ""
    files: tuple[tuple[str, str], ...] = ()


class GradingStatus(StrEnum):
    """How far the grading of one submission came."""

    GRADED = "graded"
    """Every item that was asked for has its final outcome, or nothing of the submission can be read."""
    PARTIAL = "partial"
    """Some items are final, and some are to be graded again."""
    AGAIN = "to be graded again"
    """Nothing is final: the grader or the machine failed."""


class Fault(StrEnum):
    """Whose fault it is that there is no full grading; never both."""

    NONE = ""
    STUDENT = "student"
    SYSTEM = "system"


@dataclass(frozen=True)
class Graded:
    """What became of one submission. ``why`` is one line for staff; ``result`` is None where nothing was graded."""

    key: str
    status: GradingStatus
    fault: Fault = Fault.NONE
    why: str = ""
    result: GradingResult | None = None
    seconds: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether a later run leaves it as it is."""
        return self.status is GradingStatus.GRADED
