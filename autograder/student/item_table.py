"""The table of an assignment's items: points, files, and how far the student is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from autograder.assignment import Assignment, Item, Kind
from autograder.reports.console import as_words
from autograder.reports.plain_text import unwritten
from autograder.reports.safe_text import one_line, points
from autograder.results import ItemResult, Outcome
from autograder.selection import selected_items
from autograder.submission import Submission, read_submission
from autograder.submission.stub_search import Writing, writing_of

_STYLES = {Writing.WRITTEN: "green", Writing.PARTLY: "yellow", Writing.NOT_WRITTEN: "dim", Writing.MISSING: "red"}


def print_items(
    assignment: Assignment, words: Iterable[str], console: Console, results: Mapping[str, ItemResult] | None = None
) -> None:
    """Print the items that the words name, all by default: points, file, and how far the student is. Nothing is run.

    Where ``results`` know what became of an item, that is shown.

    Raises `UserError` for a word that names no item.
    """
    wanted = selected_items(assignment.manifest, words)
    submission = read_submission(assignment.folder, assignment, in_archives=False)
    table = Table(box=SIMPLE_HEAD if console.encoding.startswith("utf") else ASCII, pad_edge=False, show_edge=False)
    table.add_column("item", overflow="fold")
    table.add_column("title", overflow="fold", ratio=1)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_column("state", no_wrap=True)
    for item in assignment.manifest.items:
        if not wanted or item.id in wanted:
            state, style = _state(item, submission, results or {})
            cells = (item.id, _title(item), points(item.points), item.file or "", state)
            table.add_row(*(as_words(one_line(cell), console) for cell in cells), style=style)
    console.print(table)


def _state(item: Item, submission: Submission, results: Mapping[str, ItemResult]) -> tuple[str, str]:
    """Return the state of an item, and its style."""
    if (known := results.get(item.id)) is not None and not unwritten(known):
        return ("passes", "green") if known.outcome is Outcome.PASS else ("does not pass", "red")
    state = writing_of(item, submission)
    return (state, _STYLES[state]) if state is not None else (_without_blanks(item), "")


def _title(item: Item) -> str:
    return item.title + (" (extra credit)" if item.extra_credit else "") + (" (training)" if item.training else "")


def _without_blanks(item: Item) -> str:
    return {Kind.AUTO: "measured", Kind.MANUAL: "people grade it", Kind.UNGRADED: "not graded"}[item.kind]
