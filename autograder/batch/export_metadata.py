"""Gradescope's ``submission_metadata.yml``: who handed in which folder of an export, and when.

The file is Ruby's: keys are symbols (``:name``), and most of it are results, which hold texts of students. So it is
read event by event; values stay text (``00123`` is a student's number, not 83), aliases are references and nothing is
copied, and what is not asked for is never built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import yaml

from autograder.batch.listing import Submitter
from autograder.batch.timestamps import read_time
from autograder.errors import UserError
from autograder.source.lines import printable
from autograder.submission.entries import MIB

MAX_METADATA = 256 * MIB
"""Bytes: results of a thousand submissions with all they print take a tenth of it."""
MAX_NESTING = 200
MAX_SUBMISSIONS = 20_000
MAX_SUBMITTERS = 100
"""Of one submission."""
MAX_WORDS = 200
"""Characters of a name."""
MAX_VALUE = 1_000
"""Characters of any value that is kept."""

_WANTED = ("submitters", "created_at", "score")
_NULLS = ("", "~", "null", "Null", "NULL")
_AGAIN = "export the submissions again"


@dataclass(frozen=True)
class ExportedSubmission:
    """What the platform says about one folder."""

    submitters: tuple[Submitter, ...] = ()
    created_at: datetime | None = None
    score: float | None = None


def read_export_metadata(stream: IO[bytes], shown: str) -> dict[str, ExportedSubmission]:
    """Return what is said about each folder, by its name; `UserError` in one line, naming ``shown``, where it is not
    such a file, or where it is about PDFs.
    """
    entries = _Reader(_events(stream, shown), shown).submissions()
    if pdfs := [key for key in entries if key.casefold().endswith(".pdf")]:
        raise UserError(
            f"{shown}: is of an assignment whose students handed in PDFs ({printable(pdfs[0], 40)}), which hold no code"
            " to grade; export the submissions of a programming assignment"
        )
    return entries


class _Limited:
    """A stream that ends with an error when it is too long."""

    def __init__(self, stream: IO[bytes], shown: str) -> None:
        self._stream, self._shown, self._left = stream, shown, MAX_METADATA

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise UserError(f"{self._shown}: is larger than {MAX_METADATA // MIB} MB; {_AGAIN}, without results")
        return data


def _events(stream: IO[bytes], shown: str) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(_Limited(stream, shown), Loader=loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        why = printable(getattr(error, "problem", None) or error, 100)
        raise UserError(f"{shown}: is not valid YAML{where}: {why}; {_AGAIN}") from None


class _Reader:
    """Reads values off a stream of events; remembers what aliases refer to."""

    def __init__(self, events: Iterator[Any], shown: str) -> None:
        self._events, self._shown = events, shown
        self._anchors: dict[str, Any] = {}

    def submissions(self) -> dict[str, ExportedSubmission]:
        for event in self._events:
            if isinstance(event, yaml.MappingStartEvent):
                return self._entries()
            if isinstance(event, yaml.ScalarEvent) and _text_of(event) == "":
                return {}
            if isinstance(event, yaml.NodeEvent):
                raise UserError(f"{self._shown}: does not say what was handed in, folder by folder; {_AGAIN}")
        return {}

    def _entries(self) -> dict[str, ExportedSubmission]:
        entries: dict[str, ExportedSubmission] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, fields = self._value(event), self._fields(next(self._events))
            if isinstance(key, str):
                entries[key] = self._submission(key, fields)
            if len(entries) > MAX_SUBMISSIONS:
                raise UserError(f"{self._shown}: names more than {MAX_SUBMISSIONS} submissions; {_AGAIN}")
        return entries

    def _fields(self, event: Any) -> dict[str, Any]:
        """Return the fields of a submission that are wanted; the others are skipped, however large they are."""
        if not isinstance(event, yaml.MappingStartEvent):
            value = self._value(event)
            return value if isinstance(value, dict) else {}
        fields: dict[str, Any] = {}
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            name, value = _plain(self._value(inner)), next(self._events)
            if name in _WANTED:
                fields[name] = self._value(value)
            else:
                self._skip(value)
        if event.anchor:
            self._anchors[event.anchor] = fields
        return fields

    def _value(self, event: Any, depth: int = 0) -> Any:
        """Return a node as text, list or dict; what an alias refers to is the same object, and is not copied."""
        if isinstance(event, yaml.AliasEvent):
            return self._anchors.get(event.anchor, "")
        self._refuse_depth(depth)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _text_of(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                value.append(self._value(inner, depth + 1))
        else:
            value = {}
            while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
                key = self._value(inner, depth + 1)
                value[_plain(key)] = self._value(next(self._events), depth + 1)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _skip(self, event: Any) -> None:
        """Pass a node; texts in it may be referred to later."""
        depth = 0
        while True:
            if isinstance(event, yaml.ScalarEvent) and event.anchor:
                self._anchors[event.anchor] = _text_of(event)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            self._refuse_depth(depth)
            if depth == 0:
                return
            event = next(self._events)

    def _refuse_depth(self, depth: int) -> None:
        if depth > MAX_NESTING:
            raise UserError(f"{self._shown}: is nested more than {MAX_NESTING} deep; {_AGAIN}")

    def _submission(self, key: str, fields: dict[str, Any]) -> ExportedSubmission:
        people = fields.get("submitters")
        named = [one for one in people if isinstance(one, dict)] if isinstance(people, list) else []
        if len(named) > MAX_SUBMITTERS:
            raise UserError(f"{self._shown}: {printable(key, 40)} has more than {MAX_SUBMITTERS} submitters; {_AGAIN}")
        return ExportedSubmission(
            tuple(Submitter(*(_words(one.get(field)) for field in ("name", "sid", "email"))) for one in named),
            read_time(_string(fields.get("created_at")), UTC),  # a time of YAML without a zone is UTC
            _number(fields.get("score")),
        )


def _text_of(event: Any) -> str:
    is_null = not event.style and event.value in _NULLS
    return "" if is_null else str(event.value)[:MAX_VALUE]


def _plain(key: object) -> str:
    """Return a key without the colon of Ruby's symbols."""
    return key.removeprefix(":") if isinstance(key, str) else ""


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _words(value: object) -> str:
    return printable(" ".join(_string(value).split()), MAX_WORDS)


def _number(value: object) -> float | None:
    try:
        number = float(_string(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
