"""Keys of submissions: short names that files can have, each once in a class, and the same in every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from autograder.submission.entries import readable_path

MAX_KEY = 120
"""Bytes: with a suffix, and an ending after it, the key is still the name of a file anywhere."""
_NEVER = frozenset('/\\:*?"<>|')
"""Characters that a name of a file cannot have on some system."""


def unique_keys(names: Sequence[Sequence[str]]) -> list[str]:
    """Return one key for each submission, given its possible names, the shortest first.

    A submission has its first name unless others have it too, whatever the case; then its next one. What then still
    collides is numbered in the order given. So a key changes only when what it collides with does.
    """
    keys = [as_key(possible[0]) for possible in names]
    for number in range(1, max(map(len, names), default=0)):
        crowded = Counter(map(str.casefold, keys))
        keys = [
            as_key(possible[min(number, len(possible) - 1)]) if crowded[key.casefold()] > 1 else key
            for key, possible in zip(keys, names, strict=True)
        ]
    return _numbered(keys)


def _numbered(keys: Sequence[str]) -> list[str]:
    taken = set(map(str.casefold, keys))
    seen: Counter[str] = Counter()
    unique = []
    for key in keys:
        folded = key.casefold()
        seen[folded] += 1
        if seen[folded] > 1:
            while (numbered := f"{key}-{seen[folded]}").casefold() in taken:
                seen[folded] += 1
            key = numbered
            taken.add(key.casefold())
        unique.append(key)
    return unique


def as_key(name: str) -> str:
    """Return the name as a key: composed Unicode, printable, no longer than ``MAX_KEY`` bytes, a file name anywhere."""
    composed = readable_path(name)
    shown = "".join(char if char.isprintable() and char not in _NEVER else "_" for char in composed)
    return shown.encode()[:MAX_KEY].decode(errors="ignore").strip(" .") or "submission"
