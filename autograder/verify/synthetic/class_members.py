"""The people of a synthetic class, when each handed in, and Gradescope's list of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import yaml

DUE = datetime(2026, 2, 1, 23, 59, tzinfo=UTC)
"""When work of every synthetic class was due."""
ODD_NAMES = (
    "Jürgen Groß-Müßig",
    "Zoë Ångström, Jr.",
    'Conan "the" O\'Brien',
    "=cmd|' /C calc'!A0",
    "+1 (555) 0100",
    "@SUM(A1:A9)",
    "שלום עליכם",
    "أحمد بن محمد",
    "Evil\u202eeman",
    "李小龍",
    "Null",
    "true",
    "Robert'); DROP TABLE submission;--",
    "<script>alert(1)</script>",
    "Ana 😀 Lima",
    "Pablo Diego José Francisco de Paula Juan Nepomuceno " * 6,
)
"""Names that tables, pages and databases have tripped over."""
ODD = 4
"""Every so many students have an odd name."""
LATE, GROUPS_OF_TWO, GROUPS_OF_THREE = 0.15, 0.08, 0.04
"""Parts of a class."""

_FIRST = ("Ada", "Emmy", "Grace", "Kurt", "Alan", "Sofia", "Srinivasa", "Mary", "Carl", "Rosa", "Ivan", "Mei", "Omar")
_LAST = ("Lovelace", "Noether", "Hopper", "Turing", "Kovalevskaya", "Gauss", "Okafor", "Tanaka", "Silva", "Novak")
_OTHERWISE_READ = re.compile(
    r"[-+]?[\d.][\d_,.:eE+-]*|\d{4}-\d{1,2}-\d{1,2}.*|~|null|true|false|yes|no|on|off|<<", re.IGNORECASE
)


@dataclass(frozen=True)
class Member:
    """A student as Gradescope has them; ``sid`` may be ""."""

    name: str
    sid: str
    email: str


@dataclass(frozen=True)
class Delivery:
    """Who handed a submission in together, and when; ``late_seconds`` is 0 for what came in time."""

    members: tuple[Member, ...]
    created_at: datetime
    late_seconds: int


def deliveries(random: Random, size: int) -> list[Delivery]:
    """Return so many deliveries: some late, some of groups; one of each at least where there are four or more."""
    at_least = min(1, size // 4)
    late = set(random.sample(range(size), max(at_least, int(size * LATE))))
    twos, threes = (max(at_least, int(size * part)) for part in (GROUPS_OF_TWO, GROUPS_OF_THREE))
    together = random.sample(range(size), twos + threes)
    sizes = {**dict.fromkeys(together[:twos], 2), **dict.fromkeys(together[twos:], 3)}
    people = _people(random)
    return [
        Delivery(tuple(next(people) for _ in range(sizes.get(number, 1))), *_moment(random, number in late))
        for number in range(size)
    ]


def _people(random: Random) -> Iterator[Member]:
    odd = random.sample(ODD_NAMES, len(ODD_NAMES))
    number = 0
    while True:
        is_odd = number % ODD == 0
        name = odd[number // ODD % len(odd)].strip() if is_odd else f"{random.choice(_FIRST)} {random.choice(_LAST)}"
        sid = "" if number % 17 == 16 else f"{random.randrange(10_000):04d}{number:05d}"
        yield Member(name, sid, f"student{number}@example.edu")
        number += 1


def _moment(random: Random, late: bool) -> tuple[datetime, int]:
    if late:
        seconds = random.choice((1, 59, 3_600, random.randrange(1, 86_400), random.randrange(86_400, 12 * 86_400)))
        return DUE + timedelta(seconds=seconds), seconds
    return DUE - timedelta(microseconds=random.randrange(1, 7 * 86_400 * 10**6)), 0


def metadata_text(entries: Mapping[str, Delivery]) -> str:
    """Return ``submission_metadata.yml``, by the names of folders, as Ruby's Psych writes it: with libyaml's emitter,
    its keys symbols, and quotes where Ruby would read a text as something else.
    """
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.emit(_events(entries), Dumper=dumper, allow_unicode=True))


def _events(entries: Mapping[str, Delivery]) -> Iterator[Any]:
    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=True)
    yield from _mapping({key: list(_entry(delivery)) for key, delivery in entries.items()})
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def _entry(delivery: Delivery) -> Iterator[tuple[str, list[Any]]]:
    people = [event for member in delivery.members for event in _person(member)]
    yield "submitters", [yaml.SequenceStartEvent(None, None, True, flow_style=False), *people, _END_OF_LIST]
    yield "created_at", [_plain(f"{delivery.created_at:%Y-%m-%d %H:%M:%S.%f}000 Z")]
    yield "score", [_plain("0.0")]
    yield "status", [_text("processed")]
    yield "results", [_plain("")]
    yield "history", [yaml.SequenceStartEvent(None, None, True, flow_style=True), _END_OF_LIST]


def _person(member: Member) -> list[Any]:
    fields = (("name", member.name), ("sid", member.sid), ("email", member.email))
    return list(_symbols((name, [_text(value)]) for name, value in fields))


_END_OF_LIST = yaml.SequenceEndEvent()


def _mapping(entries: Mapping[str, Sequence[tuple[str, list[Any]]]]) -> Iterator[Any]:
    yield yaml.MappingStartEvent(None, None, True, flow_style=False)
    for key, fields in entries.items():
        yield _text(key)
        yield from _symbols(fields)
    yield yaml.MappingEndEvent()


def _symbols(fields: Any) -> Iterator[Any]:
    """Give a mapping whose keys are Ruby's symbols."""
    yield yaml.MappingStartEvent(None, None, True, flow_style=False)
    for name, events in fields:
        yield _plain(f":{name}")
        yield from events
    yield yaml.MappingEndEvent()


def _plain(value: str) -> Any:
    return yaml.ScalarEvent(None, None, (True, True), value)


def _text(value: str) -> Any:
    """Give a text in the style that Psych's `visit_String` asks for; libyaml quotes what cannot be plain."""
    style = None
    if re.match(r'[^\w][^"]*$', value) or value in ("y", "Y", "n", "N"):
        style = '"'
    elif not value or _OTHERWISE_READ.fullmatch(value):
        style = "'"
    return yaml.ScalarEvent(None, None, (True, True), value, style=style)
