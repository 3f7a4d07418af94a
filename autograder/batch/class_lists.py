"""A class as staff list it: a CSV with a path for each submission, and who handed it in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from autograder.batch.keys import unique_keys
from autograder.batch.listing import ListedSubmission, Submitter
from autograder.batch.recognition import without_ending
from autograder.batch.timestamps import read_time
from autograder.errors import UserError, did_you_mean
from autograder.source.lines import printable
from autograder.submission.entries import MIB
from autograder.texts import decode

MAX_CSV = 32 * MIB
_PATHS = ("path", "file")
_SEPARATORS = ",;\t"
"""Spreadsheets write semicolons where the comma stands in numbers."""


@dataclass(frozen=True)
class _Row:
    """One line of the list."""

    path: str
    submitter: Submitter
    created_at: datetime | None


def read_csv(path: Path) -> list[ListedSubmission]:
    """Return what a CSV lists, sorted by key; raise `UserError` where it has no column of paths, or a time has no zone.

    Lines with the same path and time are one submission of several submitters. Paths are relative to the folder of the
    CSV, which is the staff's own: they may lead anywhere, over links, too. Where one leads to nothing, the submission
    is listed with its problem.
    """
    shown = printable(path)
    submissions: dict[tuple[str, datetime | None], list[_Row]] = {}
    for number, row in enumerate(_rows(_text(path, shown), shown)):
        what = (row.path or f"\0{number}", row.created_at)  # lines without a path are apart
        submissions.setdefault(what, []).append(row)
    if not submissions:
        raise UserError(f"{shown}: lists no submissions; write one line for each, below the names of the columns")
    rows = sorted(submissions.values(), key=lambda same: (same[0].path, str(same[0].created_at), str(same)))
    keys = unique_keys([_names(path.parent, same[0]) for same in rows])
    listed = [_listed(path, key, same) for key, same in zip(keys, rows, strict=True)]
    return sorted(listed, key=lambda one: one.key)


def _text(path: Path, shown: str) -> str:
    try:
        if path.stat().st_size > MAX_CSV:
            raise UserError(f"{shown}: is larger than {MAX_CSV // MIB} MB; list fewer submissions")
        return decode(path.read_bytes(), shown)
    except OSError as error:
        raise UserError(f"{shown}: cannot be read: {error.strerror}") from None


def _rows(text: str, shown: str) -> Iterator[_Row]:
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        columns = [name.strip().casefold() for name in next(reader, [])]
        wanted = next((name for name in _PATHS if name in columns), None)
        if wanted is None:
            named = ", ".join(printable(name, 30) for name in columns[:8] if name) or "it is empty"
            near = did_you_mean(next(iter(columns), ""), _PATHS) if columns else ""
            raise UserError(f"{shown}: no column path or file in its first line ({named}){near}")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                pairs = list(zip(columns, _as_long(cells, columns), strict=True))
                row = dict(reversed(pairs))  # of columns with one name, the first
                yield _row(row, wanted, f"{shown}, line {reader.line_num}")
    except csv.Error as error:
        raise UserError(f"{shown}, line {reader.line_num}: is not a CSV: {printable(error)}; save it as one") from None


def _as_long(cells: Sequence[str], columns: Sequence[str]) -> list[str]:
    return [*cells, *[""] * len(columns)][: len(columns)]


def _row(row: dict[str, str], wanted: str, where: str) -> _Row:
    values = {name: " ".join(row.get(name, "").split()) for name in ("name", "sid", "email", "created_at")}
    created_at = read_time(values["created_at"])
    if values["created_at"] and created_at is None:
        raise UserError(
            f"{where}: created_at {printable(values['created_at'], 40)!r} is not a time with its zone;"
            " write it like 2024-03-01T17:30:00Z or 2024-03-01 17:30+01:00, or leave it empty"
        )
    submitter = Submitter(values["name"], values["sid"], values["email"])
    path = row[wanted].strip()
    return _Row(str(Path(path)) if path else "", submitter, created_at)


def _names(folder: Path, row: _Row) -> list[str]:
    """Return what the submission may be called, the shortest first: its file or folder, then the way to it."""
    if not row.path:
        person = row.submitter
        return [person.sid or person.email or person.name or "no path"]
    parts = [part for part in Path(row.path).parts if part not in ("..", "/")] or [folder.resolve().name]
    return [without_ending(parts[-1]), *("-".join(parts[-count:]) for count in range(1, min(len(parts), 4) + 1))]


def _listed(path: Path, key: str, rows: Sequence[_Row]) -> ListedSubmission:
    first = rows[0]
    people = dict.fromkeys(row.submitter for row in rows if row.submitter != Submitter())
    listed = ListedSubmission(key, path, submitters=tuple(people), created_at=first.created_at)
    if not first.path:
        return replace(listed, problem=f"{printable(path)} gives no path for it")
    try:
        return replace(listed, source=(path.parent / first.path).resolve(strict=True))
    except (OSError, ValueError, RuntimeError):
        return replace(listed, problem=f"{printable(path.name)} names {printable(first.path)}, and nothing is there")
