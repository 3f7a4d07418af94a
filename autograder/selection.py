"""Items by the words that people use for them: an id, a group of ids, a pattern, a file."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePath, PurePosixPath

from autograder.assignment import Item, Manifest
from autograder.errors import UserError, did_you_mean

_PATTERN = frozenset("*?[")


def selected_items(manifest: Manifest, words: Iterable[str]) -> frozenset[str]:
    """Return the ids of the items that the words name; none for no words.

    A word is an id (``vae.kl``), the part of ids before a dot (``vae``), a pattern of ids (``vae.*``), or the file that
    items are in (``vae_solution.py``, with any folder before it). Raises `UserError`, with the nearest known, for one
    that names none.
    """
    return frozenset(item.id for word in words for item in _named(manifest, word))


def _named(manifest: Manifest, word: str) -> list[Item]:
    items = manifest.items
    found = [item for item in items if word == item.id or item.id.startswith(f"{word}.")]
    found = found or [item for item in items if item.file and word in (item.file, PurePosixPath(item.file).name)]
    found = found or [item for item in items if item.file and PurePath(word).name == PurePosixPath(item.file).name]
    if not found and _PATTERN & set(word):
        found = [item for item in items if fnmatchcase(item.id, word)]
        if not found:
            raise UserError(f"no item of this assignment matches {word!r}; `autograder check --list` shows them")
    if not found:
        groups = {item.id[:at] for item in items for at, sign in enumerate(item.id) if sign == "."}
        files = {item.file for item in items if item.file}
        known = did_you_mean(word, {*(item.id for item in items), *groups, *files})
        raise UserError(f"no item {word!r} in this assignment{known}")
    return found
