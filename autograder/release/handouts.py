"""The text of a handout: its headed sections, its tables of points, and the places of a phrase."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

HEADING = re.compile(r"(#{1,6}) +(.+)")
NUMBER = r"\d+(?:\.\d+)?"
TITLE_POINTS = re.compile(rf"\(({NUMBER}(?: \+ {NUMBER})*) points?\b")
"""The points that a heading gives: ``(30 points)``, ``(1 + 20 points)``, ``(50 points, extra credit)``."""


@dataclass(frozen=True)
class Section:
    """A headed section; lines count from 0, and ``end`` leaves out the next section of the same or a higher level."""

    heading: str
    first: int
    own_end: int
    """The line of the next heading of any level."""
    end: int

    @property
    def points(self) -> float | None:
        """What the heading promises, if it does."""
        found = TITLE_POINTS.search(self.heading)
        return sum(map(float, found[1].split(" + "))) if found else None


@dataclass(frozen=True)
class Row:
    """One item in a table of points."""

    item: str
    points: float
    line: int


class Handout:
    """The sections, rows and words of a Markdown text."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.sections = tuple(_sections(self.lines))
        self.rows = tuple(_rows(self.lines))
        words = [(word, number) for number, line in enumerate(self.lines) for word in line.split()]
        self._text = " ".join(word for word, _ in words)
        self._line_of_word = [number for _, number in words]
        self._ends = list(accumulate(len(word) + 1 for word, _ in words))

    def section(self, heading: str) -> Section | None:
        """Return the section with this heading line (``## Files``), or None."""
        return next((section for section in self.sections if section.heading == heading), None)

    def lines_of(self, phrase: str) -> list[int]:
        """Return the line in which each occurrence of a phrase begins; line breaks count as spaces."""
        wanted = re.escape(" ".join(phrase.split()))
        return [self._line_of_word[bisect_right(self._ends, m.start())] for m in re.finditer(wanted, self._text)]

    def rows_in(self, section: Section) -> list[Row]:
        """Return the rows of all tables of points in a section."""
        return [row for row in self.rows if section.first <= row.line < section.end]


def _sections(lines: list[str]) -> Iterator[Section]:
    found = [(number, line, len(line) - len(line.lstrip("#"))) for number, line in _headings(lines)]
    for index, (first, line, level) in enumerate(found):
        later = found[index + 1 :]
        own_end = later[0][0] if later else len(lines)
        yield Section(line, first, own_end, next((n for n, _, other in later if other <= level), len(lines)))


def _headings(lines: list[str]) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= line.startswith("```")
        if not fenced and HEADING.fullmatch(line):
            yield number, line


def _rows(lines: list[str]) -> Iterator[Row]:
    """Read the tables that begin with the columns ``item`` and ``points``; an unreadable row raises ValueError."""
    inside = False
    for number, line in enumerate(lines):
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells[:2] == ["item", "points"] or not cells:
            inside = bool(cells)
        elif inside and not set(cells[0]) <= {"-", ":"}:
            yield from _items(cells[0], cells[1], number)


def _items(items: str, points: str, line: int) -> Iterator[Row]:
    ids = re.findall(r"`([^`]+)`", items)
    numbers = points.removesuffix("extra").strip().split(" + ")
    if not ids or len(ids) != len(numbers) or not all(re.fullmatch(NUMBER, n) for n in numbers):
        raise ValueError(f"line {line + 1}: {items!r} and {points!r} are not items with one number each")
    yield from (Row(item, float(number), line) for item, number in zip(ids, numbers, strict=True))
