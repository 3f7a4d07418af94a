"""The class with what became of each submission: what every table and report of a batch is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from autograder.assignment import Assignment, Kind
from autograder.batch.journal import ClassEntry, Journal
from autograder.batch.listing import Fault, Graded, ListedSubmission, Submitter
from autograder.batch.result_texts import without_exhibits
from autograder.results import ItemResult

NOT_YET = "not yet graded"
"""What stands for the status of a submission that no run has finished."""


@dataclass(frozen=True)
class GradedSubmission:
    """A submission of the class; ``graded`` is None where no run has finished it yet."""

    entry: ClassEntry
    graded: Graded | None

    @property
    def submission(self) -> ListedSubmission:
        """What was handed in."""
        return self.entry.submission

    @property
    def status(self) -> str:
        """How far the grading came, in words."""
        return NOT_YET if self.graded is None else self.graded.status.value

    @property
    def fault(self) -> Fault:
        """Whose fault it is that there is no full grading."""
        return Fault.NONE if self.graded is None else self.graded.fault

    @property
    def why(self) -> str:
        """One line for staff."""
        return "" if self.graded is None else self.graded.why

    @property
    def is_worth_nothing(self) -> bool:
        """Whether it is final that nothing could be graded, so that each item of the grader has 0 points."""
        return self.graded is not None and self.graded.is_final and self.graded.result is None

    @property
    def items(self) -> dict[str, ItemResult]:
        """What was found out, by item; empty where nothing was."""
        result = None if self.graded is None else self.graded.result
        return {} if result is None else {item.id: item for item in result.items}

    @property
    def submitters(self) -> tuple[Submitter, ...]:
        """All who handed it in; an unnamed one where the platform names nobody."""
        return self.submission.submitters or (Submitter(),)


@dataclass(frozen=True)
class Student:
    """One who handed in: the submission, and their place among its submitters."""

    key: str
    place: int = 0


@dataclass(frozen=True)
class GradedClass:
    """A class in the order of its export."""

    assignment: Assignment
    submissions: tuple[GradedSubmission, ...]

    def students(self) -> Iterator[tuple[Student, Submitter, GradedSubmission]]:
        """Give everyone who handed in: several for the submission of a group, one unnamed where nobody is named."""
        for one in self.submissions:
            for place, submitter in enumerate(one.submitters):
                yield Student(one.entry.key, place), submitter, one

    def item_ids(self, kind: Kind) -> list[str]:
        """Return the items of a kind, in the order of the rubric."""
        return [item.id for item in self.assignment.manifest.items if item.kind is kind]


def read_class(journal: Journal, assignment: Assignment) -> GradedClass:
    """Return the class of the last run as the journal has it now, without the plots and pictures of the results."""
    return GradedClass(assignment, tuple(_read(journal, standing.entry) for standing in journal.listed()))


def _read(journal: Journal, entry: ClassEntry) -> GradedSubmission:
    graded = journal.graded(entry)
    if graded is not None and graded.result is not None:
        graded = replace(graded, result=without_exhibits(graded.result))
    return GradedSubmission(entry, graded)


def named(submitter: Submitter, key: str) -> str:
    """Return how staff would name a student: by email, number or name, and the submission."""
    who = submitter.email or submitter.sid or submitter.name
    return f"{who} ({key})" if who else key


def listed_names(names: Sequence[str], limit: int = 5) -> str:
    """Return names as one list, the first few of many."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
