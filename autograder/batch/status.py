"""The state of a batch at a glance: how many are graded, whose fault it is otherwise, how fast it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from autograder.batch.graded_class import NOT_YET
from autograder.batch.journal import JOURNAL, Journal, Run, Standing
from autograder.batch.listing import Fault, GradingStatus
from autograder.errors import UserError
from autograder.reports.safe_text import one_line, plural

MIN_SECONDS = 1.0
"""Of a run, below which nothing can be said about its speed."""
NAMED = 50
"""Submissions that are named, so that the text stays one that people read."""


def status_text(folder: Path) -> str:
    """Return what became of the class in a batch's folder until now, also while it is graded.

    Raises `UserError` where there is no journal in it.
    """
    with Journal.open(folder / JOURNAL, create=False) as journal:
        standings, runs = journal.listed(), journal.runs()
    if not runs:
        raise UserError(f"{folder}: nothing was graded here yet; run `autograder batch`")
    return "\n".join([_headline(standings, runs), *_counts(standings), *_speed(standings, runs[-1]), *_open(standings)])


def _headline(standings: Sequence[Standing], runs: Sequence[Run]) -> str:
    return f"{runs[-1].assignment}: {plural(len(standings), 'submission')}, {plural(len(runs), 'run')}"


def _counts(standings: Sequence[Standing]) -> Iterator[str]:
    held = [standing for standing in standings if standing.held_by]
    counts = Counter("" if standing.status is None else standing.status.value for standing in standings)
    for status in GradingStatus:
        yield _line(status.value, counts[status.value])
    yield _line(NOT_YET, counts[""])
    if held:
        yield f"{_line('being graded', len(held))} ({', '.join(sorted({one.held_by for one in held}))})"
    for fault in (Fault.STUDENT, Fault.SYSTEM):
        if count := sum(standing.fault is fault for standing in standings):
            yield _line(f"fault of the {fault.value}", count)


def _line(name: str, count: int) -> str:
    return f"{name + ':':<20} {count}"


def _speed(standings: Sequence[Standing], run: Run) -> Iterator[str]:
    seconds = [standing.seconds for standing in standings if standing.seconds > 0]
    if seconds:
        yield f"seconds:             {sum(seconds):.0f} in all, {median(seconds):.1f} each in the middle"
    ends = [one.finished_at for one in standings if one.finished_run == run.number and one.finished_at is not None]
    took = max(ends, default=run.began_at) - run.began_at
    if took >= MIN_SECONDS:
        hourly = 3600 * len(ends) / took
        yield f"last run:            {plural(len(ends), 'grading')} in {_duration(took)}, {hourly:.0f} an hour"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _open(standings: Sequence[Standing]) -> Iterator[str]:
    """Name what is not final although it was tried, and what nothing could be read of, with the reason."""
    told = [
        one for one in standings if one.status is not None and (one.status is not GradingStatus.GRADED or one.fault)
    ]
    for one in told[:NAMED]:
        fault = f", fault of the {one.fault.value}" if one.fault else ""
        why = f": {one.why}" if one.why else ""
        assert one.status is not None
        yield f"- {one_line(one.entry.key)}: {one.status.value}{fault}{one_line(why, 500)}"
    if (more := len(told) - NAMED) > 0:
        yield f"- and {more} more"
