"""The truth of a synthetic class: what grading must find in each submission, as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from autograder.errors import UserError
from autograder.results import Outcome
from autograder.texts import read_text

TRUTH = "truth.csv"
COLUMNS = ("key", "kind", "made_of", "whole", "submitters", "created_at", "late_seconds")
"""What stands before the items. Columns are known by their place: an item may be called like one of these."""
_CERTAIN = {"": None, "PASS": Outcome.PASS, "FAIL": Outcome.FAIL}


class Whole(StrEnum):
    """What is true of a submission as a whole."""

    GRADED = "graded"
    """Every item that was asked for has a final outcome."""
    UNREADABLE = "unreadable"
    """Its folder holds nothing to grade."""
    MISSING = "missing"
    """The platform names it, and there is no such folder."""


@dataclass(frozen=True)
class TruthRow:
    """The truth of one submission. ``outcomes`` has every item that is asked about; None where it is not certain.

    ``created_at`` is aware; ``late_seconds`` is 0 for what came in time.
    """

    key: str
    kind: str
    made_of: str
    whole: Whole
    submitters: int
    created_at: datetime
    late_seconds: int
    outcomes: Mapping[str, Outcome | None]


def truth_text(items: Sequence[str], rows: Iterable[TruthRow]) -> str:
    """Return the CSV: a line for each submission, a column for each item; an empty cell is not certain."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *items])
    for row in rows:
        outcomes = [row.outcomes[item] for item in items]
        known = [row.key, row.kind, row.made_of, row.whole.value, row.submitters, row.created_at.isoformat()]
        writer.writerow([*known, row.late_seconds, *("" if one is None else one.value for one in outcomes)])
    return stream.getvalue()


def read_truth(path: Path) -> list[TruthRow]:
    """Return the rows of a truth; raise `UserError` in one line for what is not one, with its line."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; `build.py class SLUG` writes one ({TRUTH})")
    lines = list(csv.reader(io.StringIO(read_text(path), newline="")))
    if not lines or tuple(lines[0][: len(COLUMNS)]) != COLUMNS:
        raise UserError(f"{path}: is not the truth of a class: its first columns must be {', '.join(COLUMNS)}")
    items = lines[0][len(COLUMNS) :]
    return [_row(f"{path}, line {number}", items, cells) for number, cells in enumerate(lines[1:], start=2) if cells]


def _row(where: str, items: Sequence[str], cells: Sequence[str]) -> TruthRow:
    if len(cells) != len(COLUMNS) + len(items):
        raise UserError(f"{where}: has {len(cells)} cells, not {len(COLUMNS) + len(items)}")
    key, kind, made_of, whole, submitters, created_at, late = cells[: len(COLUMNS)]
    outcomes = dict(zip(items, cells[len(COLUMNS) :], strict=True))
    if wrong := [item for item, value in outcomes.items() if value not in _CERTAIN]:
        raise UserError(f"{where}: {wrong[0]} is {outcomes[wrong[0]]!r}; write PASS, FAIL or nothing")
    try:
        return TruthRow(
            *(key, kind, made_of, Whole(whole), int(submitters), datetime.fromisoformat(created_at), int(late)),
            outcomes={item: _CERTAIN[value] for item, value in outcomes.items()},
        )
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
