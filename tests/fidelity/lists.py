"""What a source document asks for and says, and where the handout has it; and what such a list lacks.

``SLUG.toml`` has one ``[[entries]]`` for every section and every piece of guidance of the source, and ``[[ours]]`` for
what only the handout has. docs/write-an-assignment.md shows what an entry looks like.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from autograder.assignment import Manifest
from autograder.release.handouts import Handout, Section

FOLDER = Path(__file__).parent
HANDOUT = "handout.md"
COMPARED = "## Compared with the course's original text"
"""The section that declares what differs; every handout has it."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Table):
    """Where students find something."""

    handout: str = ""
    """A heading, as its line is written (``## Files``), or a phrase that occurs once; in ``file``."""
    file: str = HANDOUT
    items: tuple[str, ...] = ()
    """Ids of the manifest, or patterns such as ``vae.*`` for sums; each id is written out in one entry at least."""
    reason: str = ""
    """Why only one of the two sides has it."""
    declared: str = ""
    """A phrase of `COMPARED`: what it says to students about this difference."""


class Entry(Place):
    """A section or a piece of guidance of the source: its title or number, and its points where it has any."""

    source: str
    points: float | None = None


class Total(_Table):
    """The points of the whole document, where the source gives them."""

    points: float | None = None
    extra_credit: float | None = None


class FidelityList(_Table):
    """The list of one assignment."""

    total: Total
    entries: tuple[Entry, ...]
    ours: tuple[Place, ...] = ()

    @classmethod
    def read(cls, path: Path) -> FidelityList:
        """Read and validate a list."""
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def problems(listed: FidelityList, manifest: Manifest, texts: Mapping[str, str]) -> list[str]:
    """What the list lacks, and what disagrees, in words. ``texts`` are the files that students get, by name."""
    return list(_Comparison(listed, manifest, {name: Handout(text) for name, text in texts.items()}).problems())


class _Comparison:
    def __init__(self, listed: FidelityList, manifest: Manifest, texts: Mapping[str, Handout]) -> None:
        self.listed, self.manifest, self.texts = listed, manifest, texts
        self.handout = texts[HANDOUT]
        self.points = {item.id: item.points for item in manifest.items}
        self.rows = {row.item: row.points for row in self.handout.rows}
        self.scored = [entry for entry in listed.entries if entry.points is not None]

    def problems(self) -> Iterator[str]:
        yield from self._table_problems()
        yield from self._total_problems()
        for entry in self.listed.entries:
            yield from (f"{entry.source!r}: {problem}" for problem in self._entry_problems(entry))
        for place in self.listed.ours:
            ours = place.handout or ", ".join(place.items)
            if not place.reason:
                yield f"ours, {ours!r}: there is no reason"
            yield from (f"ours, {ours!r}: {problem}" for problem in self._place_problems(place))
        yield from self._coverage_problems()

    # tables of points

    def _table_problems(self) -> Iterator[str]:
        for item, times in Counter(row.item for row in self.handout.rows).items():
            if times > 1:
                yield f"{item} stands in {times} rows of the handout's tables"
            if item not in self.points:
                yield f"the handout's tables have an item {item} that the manifest lacks"
        for item, points in self.points.items():
            if self.rows.get(item) != points:
                yield f"{item}: the manifest gives {points:g} points, the handout's tables {self.rows.get(item)}"
        for section in self.handout.sections:
            found = sum(row.points for row in self.handout.rows_in(section))
            if section.points is not None and section.points != found:
                yield f"{section.heading!r}: the heading gives {section.points:g} points, its tables {found:g}"

    def _total_problems(self) -> Iterator[str]:
        extra = {item.id for item in self.manifest.items if item.extra_credit}
        for what, given, chosen in (
            ("points", self.listed.total.points, self.points.keys() - extra),
            ("points of extra credit", self.listed.total.extra_credit, extra),
        ):
            yield from self._sum_problems(f"in all, {what}", given, chosen)

    def _sum_problems(self, what: str, given: float | None, items: set[str]) -> Iterator[str]:
        for where, table in (("the manifest", self.points), ("the handout's tables", self.rows)):
            found = sum(table.get(item, 0) for item in items)
            if given is not None and given != found:
                yield f"{what}: the source gives {given:g}, {where} {found:g}"

    # entries

    def _entry_problems(self, entry: Entry) -> Iterator[str]:
        yield from self._place_problems(entry)
        items = self._items(entry)
        if entry.points is not None:
            yield from self._sum_problems("points", entry.points, items)
            if not items:
                yield "it has points, and no items"
        if not entry.declared and self._divided_by_us(entry):
            yield "its points are divided by us, and nothing declares it (`declared`)"
        for other in self.scored:
            theirs = self._items(other)
            if entry.points is not None and items & theirs and not (items <= theirs or theirs <= items):
                yield f"it shares some items with {other.source!r}, and each has others"

    def _divided_by_us(self, entry: Entry) -> bool:
        """Whether items have points that the source gives to no single one of them."""
        items = {item for item in self._items(entry) if self.points[item]}
        if entry.points is None:
            return any(not any(item in self._items(other) for other in self.scored) for item in items)
        within = (self._items(other) for other in self.scored if self._items(other) < self._items(entry))
        left = items.difference(*within)
        return len(left) > 1 or (bool(left) and left != items)

    def _place_problems(self, place: Place) -> Iterator[str]:
        for pattern in place.items:
            if not any(fnmatchcase(item, pattern) for item in self.points):
                yield f"no item {pattern!r} in the manifest"
        if place.declared and not self._declares(place.declared):
            yield f"the section {COMPARED!r} does not say {place.declared!r}"
        if place.handout:
            yield from self._handout_problems(place)
        elif isinstance(place, Entry) and not (place.reason and place.declared):
            yield "it has no place in the handout, and not both a reason and a declaration"

    def _handout_problems(self, place: Place) -> Iterator[str]:
        if place.file not in self.texts:
            yield f"students get no file {place.file!r}"
        elif place.handout.startswith("#"):
            section = self.texts[place.file].section(place.handout)
            if section is None:
                yield f"{place.file} has no heading {place.handout!r}"
            elif isinstance(place, Entry) and place.points is not None and place.file == HANDOUT:
                yield from self._section_problems(place, section)
        elif len(place.handout.split()) < 3:
            yield f"{place.handout!r} is too short: it could stand anywhere"
        elif (times := len(self.texts[place.file].lines_of(place.handout))) != 1:
            yield f"{place.file} has {place.handout!r} {times} times"

    def _section_problems(self, entry: Entry, section: Section) -> Iterator[str]:
        there, wanted = {row.item for row in self.handout.rows_in(section)}, self._items(entry)
        if there != wanted:
            yield f"the tables of {section.heading!r} differ from `items` in {', '.join(sorted(there ^ wanted))}"

    # everything occurs

    def _coverage_problems(self) -> Iterator[str]:
        for source, times in Counter(entry.source for entry in self.listed.entries).items():
            if times > 1:
                yield f"{source!r} is listed {times} times"
        places = [*self.listed.entries, *self.listed.ours]
        named = {item for place in places for item in place.items}
        yield from (f"{item} occurs in no entry" for item in self.points if item not in named)
        lines = {line for place in places if place.file == HANDOUT for line in self._lines(place)}
        for section in self.handout.sections:
            own = range(section.first, section.own_end)
            if section.heading != COMPARED and not lines.intersection(own):
                yield f"the section {section.heading!r} of the handout occurs in no entry"
        if self.handout.section(COMPARED) is None:
            yield f"the handout has no section {COMPARED!r}"

    def _lines(self, place: Place) -> list[int]:
        if place.handout.startswith("#"):
            section = self.handout.section(place.handout)
            return [section.first] if section else []
        return self.handout.lines_of(place.handout) if place.handout else []

    def _items(self, place: Place) -> set[str]:
        return {item for item in self.points if any(fnmatchcase(item, pattern) for pattern in place.items)}

    def _declares(self, phrase: str) -> bool:
        section = self.handout.section(COMPARED)
        return section is not None and any(section.first < n < section.end for n in self.handout.lines_of(phrase))
