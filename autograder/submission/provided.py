"""Files that students get and may not change: ours are used, and a changed one is reported."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.source.junk import is_junk
from autograder.source.lines import printable
from autograder.submission.entries import Entry
from autograder.submission.notices import Notices, Topic


def provided_files(assignment: Assignment) -> dict[str, Path]:
    """Return our provided files by relative path, folders expanded; a missing one raises `UserError`."""
    files: dict[str, Path] = {}
    for name in assignment.manifest.files.provided:
        ours = assignment.provided / name
        if ours.is_dir():
            inner = {path.relative_to(ours): path for path in sorted(ours.rglob("*")) if path.is_file()}
            kept = {place: path for place, path in inner.items() if not any(map(is_junk, place.parts))}
            files |= {str(PurePosixPath(name) / place.as_posix()): path for place, path in kept.items()}
        elif ours.is_file():
            files[str(PurePosixPath(name))] = ours
        else:
            raise UserError(f"{ours}: this provided file is missing; take it from the original again")
    return files


def report_changed(entries: Iterable[Entry], ours: dict[str, Path], notices: Notices) -> set[str]:
    """Say which provided files came back changed beyond line ends and trailing blanks; return the paths of all."""
    seen = set()
    for entry in sorted(entries, key=lambda entry: entry.path):
        for name, path in ours.items():
            if entry.path != name and not entry.path.endswith(f"/{name}"):
                continue
            seen.add(entry.path)
            if entry.data is None or _comparable(entry.data) != _comparable(path.read_bytes()):
                notices.add(Topic.PROVIDED, f"{printable(entry.path)}: was changed; ours is used when grading")
    return seen


def _comparable(data: bytes) -> bytes:
    text = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return b"\n".join(line.rstrip(b" \t\f") for line in text.split(b"\n")).rstrip(b"\n")
