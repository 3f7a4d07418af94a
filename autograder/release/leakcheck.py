"""The leak check: no piece of a secret survives in what students get, archives inside archives included.

Code is compared by shape, text by compact fragments, files by digest; notebooks must be free of anything computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.assignment import PROOFS
from autograder.release.confidential import Secrets
from autograder.release.public_texts import Page

_PRIVATE_NAMES = frozenset({"hidden", "solutions", PROOFS, "alternatives", "mutants.toml", "grading.toml"})
_SHOWN = 20


@dataclass(frozen=True, order=True)
class Leak:
    """Something that students must not get: where it is and where it comes from."""

    where: str
    origin: str

    def __str__(self) -> str:
        return f"{self.where}: {self.origin}"


class LeakFound(Exception):
    """A release holds something that it must not; nothing was published."""

    def __init__(self, what: str, leaks: Iterable[Leak]) -> None:
        """Name every leak, one a line."""
        self.leaks = tuple(leaks)
        more = len(self.leaks) - _SHOWN
        lines = [f"  {leak}" for leak in self.leaks[:_SHOWN]] + ([f"  and {more} more"] if more > 0 else [])
        super().__init__("\n".join((f"{what}: the leak check found {len(self.leaks)}, nothing was built", *lines)))


def find_leaks(pages: Iterable[Page], secrets: Secrets) -> tuple[Leak, ...]:
    """Return what the pages show of the secrets, at most one leak a line, in order of files and lines."""
    fragments = secrets.shortest_fragments()
    return tuple(dict.fromkeys(leak for page in pages for leak in _on_page(page, secrets, fragments)))


def _on_page(page: Page, secrets: Secrets, fragments: dict[str, str]) -> Iterator[Leak]:
    file = page.place.file
    if private := _PRIVATE_NAMES.intersection(PurePosixPath(file.rpartition(": ")[2]).parts):
        yield Leak(file, f"a file of {min(private)!r} is not for students")
    if origin := secrets.digests.get(page.digest):
        yield Leak(file, f"the same file as {origin}")
    if page.computed:
        yield Leak(f"{file}, cell {page.place.cell}", "the cell has an output or an execution count")
    found = dict(_code(page, secrets))
    texts = fragments if page.trusted else {**fragments, **secrets.check_lines}
    for fragment, origin in texts.items():
        if (line := page.text.line_of(fragment)) is not None:
            found.setdefault(line, f"has text of {origin}")
    yield from (Leak(page.place.line(line), found[line]) for line in sorted(found))


def _code(page: Page, secrets: Secrets) -> Iterator[tuple[int, str]]:
    for shape in page.shapes:
        if origin := secrets.exact.get(shape.exact):
            yield shape.line, f"has code of {origin}"
        elif origin := secrets.blind.get(shape.blind):
            yield shape.line, f"has code of {origin}, with other names"
