"""Whose a file is, by its name, where the files of a class are in one folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.assignment import SUBMITTABLE

_CANVAS = re.compile(r"(?P<who>[^\W_]+)_(?:LATE_)?(?P<user>\d+)_\d+_(?P<rest>.+)", re.IGNORECASE)
"""``loveladea_LATE_1234_56789_one.py``: name, late or not, number of the student, number of the file, its name."""


@dataclass(frozen=True)
class Owned:
    """A file that belongs to ``who``, who called it ``name``; ``found`` is what it is called now."""

    who: str
    name: str
    found: str


def by_platform(file: str) -> Owned | None:
    """Return whose the file is where Canvas named it, else None."""
    if match := _CANVAS.fullmatch(file):
        return Owned(f"{match['who']}_{match['user']}", match["rest"], file)
    return None


def by_expected_name(file: str, expected: Sequence[str]) -> Owned | None:
    """Return whose the file is where a name stands before an expected one, such as ``ada_one.py``; else None."""
    stems = [re.escape(PurePosixPath(name).stem) for name in expected]
    suffixes = "|".join(map(re.escape, SUBMITTABLE))
    ends = rf"(?P<rest>(?:{'|'.join(stems)})(?:[\s_(-][^.]*)?(?:{suffixes}))"
    match = re.fullmatch(rf"(?P<who>.+?)[\s_.-]+{ends}", file, re.IGNORECASE)
    if match is None or re.fullmatch("|".join(stems), match["who"], re.IGNORECASE):
        return None
    return Owned(match["who"], match["rest"], file)


def grouped(files: Iterable[str], expected: Sequence[str]) -> dict[str, tuple[Owned, ...]]:
    """Return the files of each owner; those that have none are left out.

    Where several files are expected, those of one student are told by the name before the expected one; what else
    begins with that name is theirs as well. Where one is expected, only what Canvas named belongs together.
    """
    owners: dict[str, list[Owned]] = {}
    waiting = []
    for file in sorted(files):
        owned = by_platform(file) or (by_expected_name(file, expected) if len(expected) > 1 else None)
        if owned is None:
            waiting.append(file)
        else:
            owners.setdefault(owned.who.casefold(), []).append(owned)
    known = {folded: each[0].who for folded, each in owners.items()}
    for file in waiting:
        if owned := _by_known_name(file, known):
            owners[owned.who.casefold()].append(owned)
    return {each[0].who: _called_apart(each) for each in owners.values()}


def _by_known_name(file: str, known: Mapping[str, str]) -> Owned | None:
    """Return the owner with the longest name that the file's begins with; ``known`` has them by folded names."""
    for end in range(len(file) - 2, 0, -1):
        if file[end] in " _-." and (who := known.get(file[:end].casefold())):
            return Owned(who, file[end + 1 :], file)
    return None


def _called_apart(files: Sequence[Owned]) -> tuple[Owned, ...]:
    """Let files that would have the same name keep those that they have now."""
    names = [one.name.casefold() for one in files]
    return tuple(
        Owned(one.who, one.name if names.count(one.name.casefold()) == 1 else one.found, one.found) for one in files
    )
