"""Which of the files handed in is which expected one: exact names first, then the usual ways to misname a file."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath

from autograder.assignment import SUBMITTABLE
from autograder.source.lines import printable
from autograder.submission.entries import Entry

_ALIKE = 0.85
"""Least similarity of a misspelt name: one wrong letter in seven."""


class Cost(IntEnum):
    """How far a name is from the expected one; what is wrong about a name adds up, and the cheapest file is used."""

    EXACT = 0
    NESTED = 1
    SPELLING = 2
    COPY = 3
    OTHER_SUFFIX = 4
    PREFIXED = 5
    MISSPELT = 8
    SUFFIXED = 9
    ANY_NAME = 12
    BACKUP = 20
    EMPTY = 50


_COPY_MARK = re.compile(
    r"""(?:[\s_-]*\((?P<bracketed>\d{1,4})\)          # "x (1)": browsers
         |[\s_-]*\bcopy(?:[\s_-]*\(?(?P<copied>\d{1,4})\)?)?   # "x copy 2", "x - Copy (2)"
         |_copy(?P<copied_too>\d{0,4})
         |[\s_-]+(?P<plain>\d{1,4}))$                  # "x-1": Canvas
    """,
    re.VERBOSE | re.IGNORECASE,
)
_COPY_OF = re.compile(r"^copy[\s_-]+(?:\(\d{1,4}\)[\s_-]+)?of[\s_-]+", re.IGNORECASE)
_BACKUP = re.compile(r"(?:^|[\W_])(?:old|backup|bak|template|starter|original|orig|draft)(?:$|[\W_])", re.IGNORECASE)


@dataclass(frozen=True)
class Match:
    """The file used for an expected name; ``others`` are different contents that could have been meant as well."""

    expected: str
    entry: Entry
    cost: int
    reason: str
    others: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What the student is told, or nothing where the exact name was found alone."""
        found = printable(self.entry.path)
        if self.others:
            listed = " and ".join(printable(path) for path in (self.entry.path, *self.others[:2]))
            more = f" and {len(self.others) - 2} more" if len(self.others) > 2 else ""
            return f"expected {self.expected}, found {listed}{more}: used {found} ({self.reason})"
        if self.entry.path == self.expected:
            return ""
        cells = (
            " (its code cells)"
            if code_suffix(self.entry.name) == ".ipynb" and not self.expected.endswith("ipynb")
            else ""
        )
        return f"expected {self.expected}, found {found}: used it{cells}"


@dataclass(frozen=True, order=True)
class _Candidate:
    """A file that may be meant; the least one is the best."""

    cost: int
    minus_expected_beside: int
    depth: int
    minus_copy_number: int
    path: str
    is_version: bool = False
    """Whether the name says that it is the same file, as a copy or spelt differently."""


def match_files(entries: Sequence[Entry], expected: Sequence[str]) -> dict[str, Match]:
    """Return at most one entry for each expected name, and no entry twice; the outcome does not depend on order."""
    by_path = {entry.path: entry for entry in entries if code_suffix(entry.name)}
    names = {PurePosixPath(name).name for name in expected}
    beside: dict[tuple[str, ...], int] = {}
    for entry in by_path.values():
        beside[entry.parents] = beside.get(entry.parents, 0) + (entry.name in names)
    alone = len(expected) == 1 and len([e for e in by_path.values() if code_suffix(e.name) in SUBMITTABLE]) == 1
    pairs = []
    for name in expected:
        for entry in by_path.values():
            if candidate := _candidate(name, entry, beside[entry.parents], names, alone=alone):
                pairs.append((candidate, name))
    return _assigned(sorted(pairs), by_path)


def _assigned(pairs: list[tuple[_Candidate, str]], by_path: dict[str, Entry]) -> dict[str, Match]:
    best: dict[str, _Candidate] = {}
    used: set[str] = set()
    for candidate, name in pairs:
        if name not in best and candidate.path not in used:
            best[name] = candidate
            used.add(candidate.path)
    matches = {}
    for name, winner in best.items():
        rivals = [
            candidate
            for candidate, of in pairs
            if of == name and candidate.is_version and candidate.path not in used
            if by_path[candidate.path].data != by_path[winner.path].data
        ]
        reason = _reason(winner, rivals[0]) if rivals else ""
        others = tuple(rival.path for rival in rivals)
        matches[name] = Match(name, by_path[winner.path], winner.cost, reason, others)
    return matches


def _reason(winner: _Candidate, rival: _Candidate) -> str:
    if rival.cost >= Cost.EMPTY > winner.cost:
        return "the other is empty"
    if winner.cost != rival.cost:
        return "the nearest name" if winner.cost != Cost.EXACT else "the exact name"
    if winner.minus_expected_beside != rival.minus_expected_beside:
        return "its folder holds more of the expected files"
    if winner.depth != rival.depth:
        return "the nearest to the top"
    if winner.minus_copy_number != rival.minus_copy_number:
        return "the highest number, taken for the newest"
    return "the first by name; hand in only one"


def _candidate(expected: str, entry: Entry, beside: int, names: set[str], *, alone: bool) -> _Candidate | None:
    wanted = PurePosixPath(expected)
    if entry.name in names and entry.name != wanted.name:
        return None  # it is another expected file
    cost, number, is_version = _name_cost(wanted.stem, entry.name, alone=alone)
    if cost is None:
        return None
    same_suffix = code_suffix(entry.name) == wanted.suffix
    cost += 0 if same_suffix else Cost.OTHER_SUFFIX
    if entry.path != expected and len(entry.parents) >= len(wanted.parts):
        cost += Cost.NESTED
    cost += Cost.BACKUP if any(_BACKUP.search(part) for part in (*entry.parents, _stem(entry.name))) else 0
    cost += Cost.EMPTY if entry.size == 0 else 0
    return _Candidate(cost, -beside, len(entry.parents), -number, entry.path, is_version and same_suffix)


def _name_cost(wanted: str, name: str, *, alone: bool) -> tuple[int | None, int, bool]:
    """Return what is wrong about the stem, the number of the copy, and whether it is a version of the same file."""
    stem = _stem(name)
    if stem == wanted:
        return (Cost.EXACT if name in (f"{wanted}{suffix}" for suffix in SUBMITTABLE) else Cost.SPELLING), 0, True
    if _squashed(stem) == _squashed(wanted):
        return Cost.SPELLING, 0, True
    original, number = stem, 0
    for original, number in _without_copy_marks(stem):
        if _squashed(original) == _squashed(wanted):
            return Cost.COPY, number, True
    plain, plain_wanted = _plain(original), _plain(wanted)
    if plain.startswith("test_"):  # the checks that students got come back with the submission
        return None, number, False
    if plain.endswith(f"_{plain_wanted}"):
        return Cost.PREFIXED, number, False
    if plain.startswith(f"{plain_wanted}_"):
        return Cost.SUFFIXED, number, False
    if _is_misspelt(plain, plain_wanted):
        return Cost.MISSPELT, number, False
    return (Cost.ANY_NAME if alone else None), number, False


def _is_misspelt(stem: str, wanted: str) -> bool:
    if abs(len(stem) - len(wanted)) > 3 or re.findall(r"\d+", stem) != re.findall(r"\d+", wanted):
        return False  # q2_solution is not a misspelt q3_solution
    return difflib.SequenceMatcher(None, stem, wanted).ratio() >= _ALIKE


def _without_copy_marks(stem: str) -> Iterator[tuple[str, int]]:
    """Yield the stem without "Copy of", then without one mark after the other, with the highest number so far."""
    stem, number = _COPY_OF.subn("", stem)
    yield stem, number
    for _ in range(3):  # "x copy (1)-2"
        if (found := _COPY_MARK.search(stem)) is None or not found.start():
            return
        digits = next((group for group in found.groups() if group), "1")
        stem, number = stem[: found.start()], max(number, int(digits))
        yield stem, number


def code_suffix(name: str) -> str:
    """Return ``.py`` or ``.ipynb`` where the name ends so, with or without ``.txt`` or ``.json`` after it, else ''."""
    lower = PurePosixPath(name.casefold().strip())
    if lower.suffix in (".txt", ".json") and PurePosixPath(lower.stem).suffix in SUBMITTABLE:
        lower = PurePosixPath(lower.stem)
    return lower.suffix if lower.suffix in SUBMITTABLE else ""


def _stem(name: str) -> str:
    """Return the name without its suffixes, also of ``vae.py.txt``, ``vae.py.py`` and ``vae.py (1).py``."""
    stem = name.strip()
    while (suffix := PurePosixPath(stem).suffix.casefold()) in (*SUBMITTABLE, ".txt", ".json"):
        stem = stem[: -len(suffix)]
    return re.sub(r"\.(?:py|ipynb)(?=[\s_(-])", "", stem, flags=re.IGNORECASE)


def _plain(stem: str) -> str:
    composed = unicodedata.normalize("NFKC", stem).casefold()
    return re.sub(r"[\W_]+", "_", composed).strip("_")


def _squashed(stem: str) -> str:
    return _plain(stem).replace("_", "")


def python_files(entries: Iterable[Entry]) -> list[str]:
    """Return the paths of everything that could be a solution, for the message that one is missing."""
    return sorted(entry.path for entry in entries if code_suffix(entry.name))
