"""A grading for the terminal: a table of the rubric, what failed and why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from autograder.reports.plain_text import (
    NOTICES,
    PART_LIMIT,
    PROVISIONAL,
    UNWRITTEN,
    UNWRITTEN_MARK,
    check_parts,
    check_title,
    count_passed,
    is_provisional,
    late_line,
    mark,
    next_steps,
    notes,
    staff_parts,
    total_line,
    unwritten,
)
from autograder.reports.safe_text import fit, one_line, plural, points, worth
from autograder.results import CheckResult, GradingResult, ItemResult, Kind, Outcome

_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.ERROR: "yellow", Outcome.BLOCKED: "yellow"}
_PART_STYLES = {"hint": "cyan", "expected": "green", "got": "red", "staff": "magenta"}
_LABEL_WIDTH = 9
_ASCII = str.maketrans({"✓": "+", "✗": "x", "…": "~", UNWRITTEN_MARK: "-"})
TITLE_NEEDS = 60
"""Columns next to the longest id that titles, points and outcomes need; a narrower console shows no titles."""


def render(result: GradingResult, console: Console, *, staff: bool = False, every_note: bool = True) -> None:
    """Print ``result``: no line is wider than the console, and text of a submission is shown, never interpreted.

    Without ``every_note``, what costs nothing and is nothing to act on is counted in one line.

    Colours are left out where the console is no terminal. With ``staff``, staff notes and the reasons of hidden checks
    are shown too: that is not for students.
    """
    console.print(Text(one_line(result.assignment_title), style="bold"))
    console.print(_table(result, console))
    console.print(as_words(total_line(result), console, "bold"))
    if late := late_line(result):
        console.print(as_words(late, console, "bold"))
    for item in (item for item in result.items if item.kind is Kind.AUTO and not unwritten(item)):
        if item.outcome is not Outcome.PASS or is_provisional(item):
            console.print()
            console.print(Group(*_item(item, console, staff=staff, own=result.public_only)))
    for block in _closing(result, console, every_note=every_note):
        console.print()
        console.print(block)


def render_item(item: ItemResult, console: Console) -> None:
    """Print what a student may read about one automatic item in their own try."""
    if blank := unwritten(item):
        console.print(as_words(f"{item.id}  {one_line(item.title)}: {UNWRITTEN}", console, "bold"))
        console.print(_inset(as_words(blank, console)))
        return
    console.print(Group(*_item(item, console, staff=False, own=True)))


def as_words(text: str, console: Console, style: str = "") -> Text:
    """Return text as text, never as markup; where the console cannot show a sign, something near it."""
    encoding = console.encoding or "ascii"
    if not encoding.startswith("utf"):
        text = text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return Text(text, style=style, overflow="fold")


def _table(result: GradingResult, console: Console) -> Table:
    unicode = console.encoding.startswith("utf")
    table = Table(box=SIMPLE_HEAD if unicode else ASCII, pad_edge=False, show_edge=False)
    titled = console.width - max((len(item.id) for item in result.items), default=0) >= TITLE_NEEDS
    table.add_column("item", overflow="fold")
    if titled:
        table.add_column("title", overflow="fold", ratio=1)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for item in _rows(result):
        cells = [as_words(text, console, style) for text, style in _row(item, own=result.public_only)]
        if not titled and item.extra_credit:
            cells[0].append(" (extra)")
        table.add_row(*(cells if titled else [cells[0], *cells[2:]]))
    return table


def _rows(result: GradingResult) -> list[ItemResult]:
    """Return the items of the table: in a student's own try, those that checks can say something about."""
    checked = [item for item in result.items if item.kind is Kind.AUTO]
    return checked if result.public_only and checked else list(result.items)


def _row(item: ItemResult, *, own: bool) -> Iterator[tuple[str, str]]:
    style = "dim" if item.outcome is None else ""
    yield item.id, style
    yield one_line(item.title) + (" (extra credit)" if item.extra_credit else ""), style
    if item.outcome is None:
        yield (f"- / {points(item.max_points)}" if item.kind is Kind.MANUAL else "-"), style
        yield ("people grade it" if item.kind is Kind.MANUAL else "not graded"), style
        return
    yield f"{points(item.points)} / {points(item.max_points)}", ""
    if own and item.outcome is Outcome.BLOCKED:
        yield f"{mark(item.outcome)} not tried", _STYLES[item.outcome]
        return
    if unwritten(item):
        yield f"{UNWRITTEN_MARK} {UNWRITTEN}", "dim"
        return
    provisional = ", provisional" if is_provisional(item) else ""
    yield f"{mark(item.outcome)} {item.outcome.value}{provisional}", _STYLES[item.outcome]


def _item(item: ItemResult, console: Console, *, staff: bool, own: bool) -> Iterator[RenderableType]:
    score = f"{points(item.points)} of {worth(item.max_points)}{count_passed(item)}"
    yield as_words(f"{item.id}  {one_line(item.title)}: {score}", console, "bold")
    if item.message:
        yield _inset(as_words(fit(item.message, PART_LIMIT), console))
    if is_provisional(item) and not own:
        yield _inset(as_words(PROVISIONAL, console, "yellow"))
    for check in item.checks:
        if check.outcome is not Outcome.PASS:
            yield Text()
            yield _inset(_check(item, check, console, staff=staff))


def _inset(block: RenderableType) -> Padding:
    return Padding(block, (0, 0, 0, 2), expand=False)


def _check(item: ItemResult, check: CheckResult, console: Console, *, staff: bool) -> Table:
    """Return a grid: the mark, and next to it the title, the sentences and the labelled parts."""
    style = _STYLES[check.outcome]
    parts = [*check_parts(check), *(staff_parts(check) if staff else ())]
    sentences = [as_words(part.text, console) for part in parts if not part.label]
    labelled = Table.grid(Column(width=_LABEL_WIDTH, no_wrap=True), Column(overflow="fold"), padding=(0, 1))
    for part in (part for part in parts if part.label):
        labelled.add_row(Text(part.label, style="dim"), as_words(part.text, console, _PART_STYLES.get(part.label, "")))
    grid = Table.grid(Column(width=1), Column(overflow="fold"), padding=(0, 1))
    title = as_words(check_title(item, check), console, style)
    grid.add_row(as_words(mark(check.outcome), console, style), Group(title, *sentences, labelled))
    return grid


def _closing(result: GradingResult, console: Console, *, every_note: bool) -> Iterator[RenderableType]:
    if blanks := [(item.id, blank) for item in result.items if (blank := unwritten(item))]:
        grid = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 1))
        for item_id, blank in blanks:
            grid.add_row(as_words(f"  {item_id}", console, "dim"), as_words(blank, console, "dim"))
        yield Group(as_words("Not written yet:", console), grid)
    shown = [notice for notice in result.notices if every_note or not notice.minor]
    if shown:
        lines = [f"- {one_line(str(notice), 500)}" for notice in shown]
        yield as_words("\n".join([NOTICES, *lines]), console)
    for item in result.items:
        yield from (as_words(f"Note ({item.id}): {note}", console) for note in notes(item))
    missing = [wall for wall in result.walls if not wall.held]
    if every_note and missing:
        names = "; ".join(one_line(f"{wall.name} ({wall.note})" if wall.note else wall.name) for wall in missing)
        yield as_words(f"Protections that this machine does not offer: {names}", console, "dim")
    elif folded := len(result.notices) - len(shown) + bool(missing):
        yield as_words(f"{plural(folded, 'note')} on what was left alone; --notes shows them.", console, "dim")
    yield as_words(next_steps(result), console, "bold")
