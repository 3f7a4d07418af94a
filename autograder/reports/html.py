"""A grading as one self-contained HTML page: no script, nothing loaded, text of a submission inert and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files

from autograder.exhibits import Exhibit, Images, Note
from autograder.reports.pictures import Drawing, ImageRow, draw, image_rows, words
from autograder.reports.plain_text import (
    NOTICES,
    PART_LIMIT,
    PROVISIONAL,
    UNWRITTEN,
    UNWRITTEN_MARK,
    check_name,
    check_parts,
    check_remarks,
    count_passed,
    first_to_do,
    is_provisional,
    late_line,
    mark,
    next_steps,
    staff_parts,
    total_line,
    unwritten,
)
from autograder.reports.safe_text import fit, one_line, plural, points, shorten, worth
from autograder.results import CheckResult, GradingResult, ItemResult, Kind, Outcome

REPORT_LIMIT = 12_000_000
"""Bytes that no report exceeds: 5 for each character of the texts, the pictures, and 1 MB for the rest."""
ALL_TEXTS_LIMIT = 1_200_000
"""Characters of all explanations together; each gets an equal part, at most `PART_LIMIT`."""
ALL_PICTURES_LIMIT = 4_000_000
"""Characters of all pictures together; those beyond are told in words."""
NOTICES_SHOWN = 50
OPENING_LIMIT = 300
PEOPLE = "The grader gives no points here: people read these parts and add theirs."
LEFT_OUT = "left out here: the pictures before it fill the page"

_ROOTS = re.compile(r":root \{([^}]*)\}").findall
_TONE = re.compile(r"--(?:pass|fail|hold|people|hint|series)[\w-]*: [^;]+;").findall
_TONES = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.ERROR: "hold", Outcome.BLOCKED: "hold"}
_WORDS = {
    Outcome.PASS: "passed",
    Outcome.FAIL: "failed",
    Outcome.ERROR: "grader error",
    Outcome.BLOCKED: "not tried",
}


def render_html(result: GradingResult, *, staff: bool = False) -> str:
    """Return the page of a grading, at most `REPORT_LIMIT` bytes of UTF-8.

    A student's page holds what the other reports tell a student. With ``staff`` it also holds staff notes, what hidden
    checks saw, walls and times: that is not for students. Without, the same grading gives the same page.
    """
    return _rendered("report.html.j2", result, staff, stylesheet() + _packaged("report.css"))


def render_cell(result: GradingResult) -> str:
    """Return a student's own try as the output of a notebook's cell: a piece of HTML that follows the notebook's theme.

    It styles nothing but itself.
    """
    style = stylesheet().replace(":root", "&").replace("\nbody {", "\n& {").replace("html {", "&:root {")
    style += _tones_of_themes(stylesheet())
    return _rendered("cell.html.j2", result, False, style + _packaged("report.css") + _packaged("cell.css"))


def _tones_of_themes(style: str) -> str:
    """Return the tones of the style for notebooks whose theme is not that of the system."""
    light, dark = (" ".join(_TONE(block)) for block in _ROOTS(style))
    return (
        f'[data-jp-theme-light="true"] &, .vscode-light & {{ {light} }}\n'
        f'[data-jp-theme-light="false"] &, .vscode-dark & {{ {dark} }}\n'
    )


def _rendered(name: str, result: GradingResult, staff: bool, style: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name).render(page=_page(result, staff), result=result, style=Markup(style))


def stylesheet() -> str:
    """Return the style that all pages of the engine have in common."""
    return _packaged("style.css")


def _packaged(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Picture:
    """An exhibit as a drawing, as rows of images or, where there is neither, in words."""

    title: str
    words: str
    drawing: Drawing | None = None
    rows: tuple[ImageRow, ...] = ()

    @property
    def size(self) -> int:
        """Characters that it takes, about."""
        runs = [run for line in self.drawing.lines for run in line.runs] if self.drawing else []
        return 4_000 + sum(len(row.source) for row in self.rows) + 15 * sum(len(run) for run in runs) + 100 * len(runs)


@dataclass(frozen=True)
class _Check:
    """A check as the page shows it; the label "" holds the sentence."""

    title: str
    remarks: tuple[str, ...]
    tone: str
    sign: str
    parts: dict[str, str]
    pictures: tuple[_Picture, ...]

    @property
    def opening(self) -> str:
        """The beginning of the sentence."""
        return one_line(self.parts[""], OPENING_LIMIT)


@dataclass(frozen=True)
class _Item:
    """An item as the page shows it."""

    id: str
    anchor: str
    title: str
    tone: str
    sign: str
    word: str
    score: str
    headline: str
    to_gain: str
    extra_credit: bool
    message: str
    provisional: str
    blank: str
    failed: tuple[_Check, ...]
    passed: tuple[_Check, ...]

    @property
    def passed_words(self) -> str:
        return f"{plural(len(self.passed), 'check')} passed"

    @property
    def is_explained(self) -> bool:
        return bool(self.tone in ("fail", "hold") or self.provisional) and not self.blank

    @property
    def is_pictured(self) -> bool:
        return not self.is_explained and any(check.pictures for check in self.passed)

    @property
    def has_more(self) -> bool:
        return self.is_explained or self.is_pictured or bool(self.blank)


@dataclass(frozen=True)
class _Wall:
    held: bool
    text: str


@dataclass(frozen=True)
class _Page:
    """What the template lays out."""

    title: str
    audience: str
    digest: str
    full_digest: str
    people: str
    score: str
    most: str
    total: str
    late: str
    shares: tuple[tuple[str, float], ...]
    next_steps: str
    notices_head: str
    notices: tuple[str, ...]
    items: tuple[_Item, ...]
    start: str
    staff: bool
    walls: tuple[_Wall, ...] = ()
    seconds: str = ""
    times: tuple[tuple[str, str], ...] = ()

    @cached_property
    def first(self) -> _Item | None:
        """The item to start with: the one that `next_steps` names."""
        return next((item for item in self.items if item.id == self.start), None)

    @cached_property
    def explained(self) -> tuple[_Item, ...]:
        return tuple(item for item in self.items if item.is_explained)

    @cached_property
    def unwritten(self) -> tuple[_Item, ...]:
        return tuple(item for item in self.items if item.blank)

    @cached_property
    def pictured(self) -> tuple[_Item, ...]:
        return tuple(item for item in self.items if item.is_pictured)

    @cached_property
    def checked(self) -> tuple[_Item, ...]:
        return tuple(item for item in self.items if item.tone != "people")

    @cached_property
    def by_people(self) -> tuple[_Item, ...]:
        return tuple(item for item in self.items if item.tone == "people")


def _page(result: GradingResult, staff: bool) -> _Page:
    own = result.public_only
    builder = _Builder(staff, own, _part_limit(result))
    shown = [item for item in result.items if item.kind is Kind.AUTO] if own else result.items
    audience = "For staff, not for students · " if staff else "Your own try · " if own else ""
    return _Page(
        title=one_line(result.assignment_title),
        audience=audience,
        digest=one_line(result.submission_digest, 20),
        full_digest=one_line(result.submission_digest),
        people=PEOPLE,
        score=points(result.final_points),
        most=points(result.max_points),
        total=total_line(result),
        late=late_line(result),
        shares=tuple(_shares(result)),
        next_steps=next_steps(result),
        notices_head=NOTICES,
        notices=tuple(_notices(result)),
        items=tuple(builder.item(item) for item in shown),
        start=first.id if (first := first_to_do(shown)) else "",
        staff=staff,
        walls=tuple(_Wall(w.held, one_line(f"{w.name}: {w.note}" if w.note else w.name, 500)) for w in result.walls),
        seconds=f"{result.times.total:.1f}",
        times=tuple((check.id, f"{check.seconds:.2f}") for item in result.items for check in item.checks),
    )


def _part_limit(result: GradingResult) -> int:
    """Return the length of a part such that all of them are a page that a browser can show."""
    failed = sum(check.outcome is not Outcome.PASS for item in result.items for check in item.checks)
    max_parts = 9
    return min(PART_LIMIT, ALL_TEXTS_LIMIT // max(1, max_parts * failed + len(result.items)))


def _shares(result: GradingResult) -> Iterator[tuple[str, float]]:
    """Give the bar's pieces, in percent: given, to gain, to be graded again."""
    whole = [item for item in result.items if item.kind is Kind.AUTO and not item.extra_credit]
    most = sum(item.max_points for item in whole)
    if not most > 0:
        return
    given = sum(item.points for item in whole)
    again = sum(item.max_points - item.points for item in whole if item.needs_regrade)
    for tone, share in (("pass", given), ("fail", most - given - again), ("hold", again)):
        yield tone, round(100 * share / most, 2)


def _notices(result: GradingResult) -> Iterator[str]:
    yield from (one_line(str(notice), 500) for notice in result.notices[:NOTICES_SHOWN])
    if (more := len(result.notices) - NOTICES_SHOWN) > 0:
        yield f"and {plural(more, 'more notice')} left out"


@dataclass
class _Builder:
    """Makes the parts of a page, in their order, until the pictures fill it."""

    staff: bool
    own: bool
    limit: int
    room: int = field(default=ALL_PICTURES_LIMIT)

    def item(self, item: ItemResult) -> _Item:
        """Return an item with everything that the audience may read about it."""
        tone, sign, word = self._state(item)
        graded = item.outcome is not None
        score = f"{points(item.points)} / {points(item.max_points)}"
        return _Item(
            id=item.id,
            anchor=f"item-{item.id}",
            title=one_line(item.title),
            tone=tone,
            sign=sign,
            word=word,
            score=score if graded else f"- / {points(item.max_points)}" if item.kind is Kind.MANUAL else "-",
            headline=f"{points(item.points)} of {worth(item.max_points)}{count_passed(item)}",
            to_gain=worth(item.max_points - item.points),
            extra_credit=item.extra_credit,
            message=shorten(fit(item.message, PART_LIMIT), self.limit),
            provisional=PROVISIONAL if graded and is_provisional(item) and not self.own else "",
            blank=unwritten(item),
            failed=tuple(self._check(item, check) for check in item.checks if check.outcome is not Outcome.PASS),
            passed=tuple(self._check(item, check) for check in item.checks if check.outcome is Outcome.PASS),
        )

    def _state(self, item: ItemResult) -> tuple[str, str, str]:
        if item.outcome is None:
            return "people", "-", "people grade it" if item.kind is Kind.MANUAL else "not graded"
        if unwritten(item):
            return "blank", UNWRITTEN_MARK, UNWRITTEN
        again = is_provisional(item) and not self.own
        word = _WORDS[item.outcome] + (", provisional" if again else "")
        return _TONES[item.outcome], mark(item.outcome), word

    def _check(self, item: ItemResult, check: CheckResult) -> _Check:
        parts = dict.fromkeys(("", "hint", "call", "inputs", "expected", "got", "worst", "mutant", "staff"), "")
        if check.outcome is not Outcome.PASS:
            told = [*check_parts(check), *(staff_parts(check) if self.staff else ())]
            parts |= {part.label: shorten(part.text, self.limit) for part in told}
        seen = check.exhibits if check.public or self.staff else ()
        pictures = tuple(self._picture(exhibit) for exhibit in seen)
        return _Check(
            title=check_name(check),
            remarks=tuple(check_remarks(item, check)),
            tone=_TONES[check.outcome],
            sign=mark(check.outcome),
            parts=parts,
            pictures=pictures,
        )

    def _picture(self, exhibit: Exhibit) -> _Picture:
        title = one_line(exhibit.title)
        told = exhibit.data.text if isinstance(exhibit.data, Note) else words(exhibit)
        rows = image_rows(exhibit.data) if isinstance(exhibit.data, Images) else ()
        picture = _Picture(title, told, draw(exhibit), rows)
        if picture.size > self.room:
            return _Picture(title, f"{told} ({LEFT_OUT})")
        self.room -= picture.size
        return picture
