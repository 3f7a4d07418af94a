"""What a batch found out about a synthetic class, held against the truth."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.batch.exports import NO_FOLDER
from autograder.batch.grades_database import DATABASE
from autograder.batch.listing import Fault, GradingStatus
from autograder.errors import UserError
from autograder.verify.synthetic.truth_table import TruthRow, Whole, read_truth

NOT_THERE = "nothing"


@dataclass(frozen=True)
class Difference:
    """One thing about a submission that is not what the truth says; ``about`` is an item, or a column of the truth."""

    key: str
    made_as: str
    about: str
    expected: str
    found: str

    def __str__(self) -> str:
        made = f" ({self.made_as})" if self.made_as else ""
        return f"{self.key}{made}: {self.about}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Comparison:
    """All differences, in the order of the truth, and how many submissions and outcomes of items agree."""

    differences: tuple[Difference, ...]
    submissions: int
    agreeing: int
    outcomes: int


@dataclass(frozen=True)
class _Found:
    """The batch's submissions, outcomes by submission and item, and numbers of submitters."""

    submissions: Mapping[str, Mapping[str, Any]]
    outcomes: Mapping[tuple[str, str], str]
    submitters: Mapping[str, int]

    @property
    def knows_lateness(self) -> bool:
        """Whether somebody said when the work was due, under a policy that asks for it."""
        return any(row["late_seconds"] for row in self.submissions.values())


def compare_with_truth(truth: Path, folder: Path) -> Comparison:
    """Compare what a batch wrote into its folder with a truth, submission by submission.

    Where an outcome is not certain, any will do; a submission that was not graded is one difference. Lateness counts
    once `autograder gradebook --due` has said it. Raises `UserError` where one of them cannot be read.
    """
    rows, found = read_truth(truth), _read(folder / DATABASE)
    by_row = [list(_differences(row, found)) for row in rows]
    keys = {row.key for row in rows}
    extra = [Difference(key, "", "submission", NOT_THERE, "one") for key in found.submissions if key not in keys]
    differences = [one for differences in by_row for one in differences]
    agreeing = sum(
        found.outcomes.get((row.key, item)) == outcome.value
        for row in rows
        for item, outcome in row.outcomes.items()
        if outcome is not None
    )
    return Comparison((*differences, *extra), len(rows), by_row.count([]), agreeing)


def _read(path: Path) -> _Found:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; grade the class with `autograder batch` first")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            submissions = connection.execute("SELECT * FROM submission ORDER BY position").fetchall()
            outcomes = connection.execute("SELECT submission, item, outcome FROM item_outcome").fetchall()
            people = connection.execute("SELECT submission FROM submitter").fetchall()
    except sqlite3.Error as error:
        raise UserError(f"{path}: cannot be read ({error}); make it again with `autograder gradebook`") from None
    return _Found(
        {row["submission"]: dict(row) for row in submissions},
        {(row["submission"], row["item"]): row["outcome"] for row in outcomes},
        Counter(row["submission"] for row in people),
    )


def _differences(row: TruthRow, found: _Found) -> Iterator[Difference]:
    made_as = f"{row.kind}, {row.made_of}" if row.made_of else row.kind
    graded = found.submissions.get(row.key)
    if graded is None:
        yield Difference(row.key, made_as, "submission", "one", NOT_THERE)
        return
    facts: list[tuple[str, object, object]] = [("whole", row.whole.value, _whole(graded))]
    facts.append(("submitters", row.submitters, found.submitters[row.key]))
    facts.append(("created_at", row.created_at, _moment(graded["created_at"])))
    if found.knows_lateness:
        facts.append(("late_seconds", float(row.late_seconds), graded["late_seconds"]))
    seen_items = {item: found.outcomes.get((row.key, item), NOT_THERE) for item in row.outcomes}
    if set(seen_items.values()) != {NOT_THERE} or row.whole.value == _whole(graded):  # else that line says it all
        certain = ((item, outcome) for item, outcome in row.outcomes.items() if outcome is not None)
        facts += [(item, outcome.value, seen_items[item]) for item, outcome in certain]
    for about, expected, seen in facts:
        if expected != seen:
            yield Difference(row.key, made_as, about, str(expected), str(seen))


def _whole(graded: Mapping[str, Any]) -> str:
    """Say what became of a submission in the words of the truth, else in the batch's own."""
    if graded["status"] != GradingStatus.GRADED or graded["fault"] == Fault.SYSTEM:
        return f"{graded['status']} ({graded['why']})" if graded["why"] else str(graded["status"])
    if graded["fault"] != Fault.STUDENT:
        return Whole.GRADED.value
    return (Whole.MISSING if NO_FOLDER in graded["problem"] else Whole.UNREADABLE).value


def _moment(text: str | None) -> datetime | str:
    return NOT_THERE if text is None else datetime.fromisoformat(text)
