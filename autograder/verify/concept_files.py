"""Which concepts code applies, with those that these import, and the files of their two halves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import autograder
from autograder.proofs import PROOFS_PACKAGE
from autograder.release.files import read_tree

CONCEPTS = "concepts"
SHARED = frozenset({"oracles"})
"""What every proof may use: it counts as applied everywhere."""
_IMPORTED = re.compile(rf"\b(?:autograder\.{CONCEPTS}|{PROOFS_PACKAGE})\.(\w+)")


def concept_of(module: str) -> str:
    """Return the concept that a module belongs to, "" for any other module."""
    match = _IMPORTED.fullmatch(module)
    return match[1] if match else ""


def concepts_in(texts: Iterable[str]) -> set[str]:
    """Return the concepts that are named in code."""
    return {name for text in texts for name in _IMPORTED.findall(text)}


def with_imported(concepts: Iterable[str], proofs: Path | None) -> set[str]:
    """Return concepts with those that their halves import, at whatever remove, and what all share."""
    found: set[str] = set()
    more = set(concepts) | SHARED
    while more - found:
        found |= more
        more = concepts_in(data.decode("utf-8", "replace") for name in found for data in files_of(name, proofs))
    return found


def files_of(concept: str, proofs: Path | None) -> Iterator[bytes]:
    """Yield the files of both halves of a concept but for its own proof, which has no say elsewhere."""
    folders = [Path(autograder.__path__[0]) / CONCEPTS / concept]
    folders += [proofs / PROOFS_PACKAGE / concept] if proofs is not None else []
    for folder in folders:
        yield from (data for name, data in read_tree(folder).items() if not name.startswith("proof/"))
