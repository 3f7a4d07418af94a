"""The lists of what verdicts depend on, one for each assignment, and what they lack of what is found.

``SLUG.toml`` has ``named``, the sources that an assignment's specification names: what they give is evidence in every
check, and needs no line. Everything else has one by check, in a table of its kind; see `Kind`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from autograder.assignment import Assignment

FOLDER = Path(__file__).parent
Sources = Mapping[str, Collection[str]]
"""By the id of a check."""


class Kind(StrEnum):
    """What a source can be that the specification does not name."""

    LENT = "lent"
    """What a function was asked that stayed on the trusted side, which wrote it down."""
    UNNAMED = "unnamed"
    """Of the submission, under a name that nobody was told: an honest one may lack it."""
    TESTIMONY = "testimony"
    """Of code that the grader loads beside the submission, which can make it say anything."""


@dataclass(frozen=True)
class SourceList:
    """What is listed of an assignment."""

    named: frozenset[str]
    by_kind: Mapping[Kind, Sources]

    @classmethod
    def read(cls, path: Path) -> SourceList:
        """Read a list."""
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(frozenset(tables.pop("named")), {Kind(kind): table for kind, table in tables.items()})

    def of(self, kind: Kind) -> set[tuple[str, str]]:
        """Check and source of all lines of a kind."""
        return {(check, source) for check, sources in self.by_kind.get(kind, {}).items() for source in sources}


def differences(listed: SourceList, found: Sources, ours: Collection[str]) -> list[str]:
    """What is found and not listed, and what is listed and not found in the checks that were run, in words.

    ``ours`` are the modules that the grader loads beside the submission.
    """
    told: list[str] = []
    everything = {source for sources in found.values() for source in sources}
    for kind in Kind:
        now = {
            (check, source)
            for check, sources in found.items()
            for source in sources
            if source not in listed.named and kind_of(source, ours) is kind
        }
        before = {(check, source) for check, source in listed.of(kind) if check in found}
        told += [f"not listed: [{kind}] {check} = {source}" for check, source in sorted(now - before)]
        told += [f"no longer there: [{kind}] {check} = {source}" for check, source in sorted(before - now)]
    told += [f"never asked: [named] {source}" for source in sorted(listed.named - everything)]
    return told + [
        f"a specification names none of ours: {s}" for s in listed.named if kind_of(s, ours) is not Kind.UNNAMED
    ]


def kind_of(source: str, ours: Collection[str]) -> Kind:
    """The kind of a source that is not named."""
    if source.startswith("lent "):
        return Kind.LENT
    inner = source.partition("(")[2] if source.startswith(("exists(", "drawn(")) else source
    return Kind.TESTIMONY if inner.partition(".")[0] in ours else Kind.UNNAMED


def ours(assignment: Assignment) -> set[str]:
    """The modules that the grader loads beside a submission."""
    provided = (Path(name).stem for name in assignment.manifest.files.provided)
    return {*provided, *(path.stem for path in assignment.probes)}


def written(named: Collection[str], found: Sources, ours: Collection[str]) -> str:
    """The list that fits what was found, as it is kept."""
    lines = ["named = [", *(f'    "{source}",' for source in sorted(named)), "]"]
    for kind in Kind:
        rows = {
            check: [s for s in sorted(sources) if s not in named and kind_of(s, ours) is kind]
            for check, sources in found.items()
        }
        if any(rows.values()):
            lines += ["", f"[{kind}]"]
        for check, sources in rows.items():
            if sources:
                quoted = ", ".join(f'"{source}"' for source in sources)
                lines.append(f'"{check}" = [{quoted}]')
    return "\n".join(lines) + "\n"
