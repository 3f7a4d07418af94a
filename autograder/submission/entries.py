"""The files of a submission as they were found, the limits on reading them, and what is never used."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from autograder.source.junk import is_environment, is_left_behind
from autograder.submission.notices import Notices, Topic
from autograder.submission.outlines import without_outputs

MIB = 2**20
MAX_ENTRIES = 5_000
MAX_DEPTH = 12
MAX_FILE = 20 * MIB
"""A JSON text can take 24 times its size in memory: this keeps the grader under 500 MB."""
MAX_NOTEBOOK = 100 * MIB
"""Of a notebook, which is read past its outputs; as much as Gradescope accepts."""
OUTLINED_FROM = MIB
"""Smaller notebooks are read as they are."""
MAX_TOTAL = 128 * MIB
MAX_ARCHIVE = 100 * MIB
"""What Gradescope accepts as one upload."""

_REFUSED_NAMES = {"sitecustomize.py", "usercustomize.py", "conftest.py", "pytest.ini"}
_REFUSED_SUFFIXES = {".pth", ".so", ".pyd", ".dll", ".dylib"}


@dataclass(frozen=True)
class Entry:
    """One file of a submission; ``data`` is None where the file was too large to read; ``problem`` then may say more.

    The ``data`` of a large notebook are without its outputs (`without_outputs`).
    """

    path: str
    size: int
    data: bytes | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def parents(self) -> tuple[str, ...]:
        """The folders on the way to the file."""
        return PurePosixPath(self.path).parts[:-1]


@dataclass
class Budget:
    """How much more of a submission may be looked at; says once when it is used up."""

    notices: Notices
    entries: int = MAX_ENTRIES
    bytes: int = MAX_TOTAL
    _said: set[str] = field(default_factory=set)

    def take_entry(self) -> bool:
        """Count one entry; False where the submission has too many."""
        self.entries -= 1
        return self.entries >= 0 or self._refuse(f"more than {MAX_ENTRIES} files: the rest was not looked at")

    def take_bytes(self, size: int, limit: int = MAX_FILE) -> bool:
        """Count a file's bytes; False where it is too large to read, alone or after the others."""
        if size > limit:
            return False
        if size > self.bytes:
            return self._refuse(f"more than {MAX_TOTAL // MIB} MB in all: some files were not read")
        self.bytes -= size
        return True

    def _refuse(self, text: str) -> bool:
        if text not in self._said:
            self._said.add(text)
            self.notices.add(Topic.REFUSED, text)
        return False


def read_entry(
    opened: Callable[[], AbstractContextManager[IO[bytes]]], path: str, size: int, budget: Budget, limit: int = MAX_FILE
) -> Entry:
    """Read a file of a known size, a large notebook past its outputs; it is opened only where the budget allows."""
    if not _is_large_notebook(path, size):
        if not budget.take_bytes(size, limit):
            return Entry(path, size, None)
        with opened() as stream:
            data = stream.read(size + 1)
        return Entry(path, len(data), data)
    if not budget.take_bytes(size, MAX_NOTEBOOK):
        return Entry(path, size, None)
    try:
        with opened() as stream:
            return Entry(path, size, without_outputs(stream))
    except ValueError as error:
        return Entry(path, size, None, f"is not a notebook that can be read: {error}")


def _is_large_notebook(path: str, size: int) -> bool:
    return size > OUTLINED_FROM and ".ipynb" in PurePosixPath(path).name.casefold()


def is_used(name: str, *, folder: bool, notices: Notices, path: str) -> bool:
    """Say whether a file or folder of this name may be looked at; what could change how Python runs gives a notice."""
    lower = name.casefold()
    suffix = PurePosixPath(lower).suffix
    if is_left_behind(name) or (folder and is_environment(name)):
        return False
    if not folder and (lower in _REFUSED_NAMES or suffix in _REFUSED_SUFFIXES):
        notices.add(Topic.REFUSED, f"{path}: files of this kind are never used when grading")
        return False
    return True


def is_code_name(name: str) -> bool:
    """Say whether the name looks like code; such files are read first, before a budget can run out."""
    return any(part in name.casefold() for part in (".py", ".ipynb"))


def readable_path(path: str) -> str:
    """Return the path in composed Unicode (macOS decomposes it), with a stand-in for bytes that are no text."""
    shown = "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else char for char in path)
    return unicodedata.normalize("NFC", shown)


def digest(entries: Iterable[Entry]) -> str:
    """Return the SHA-256 over paths, sizes and contents of all entries, whatever their order."""
    lines = sorted(
        f"{entry.path}\0{entry.size}\0{hashlib.sha256(entry.data).hexdigest() if entry.data is not None else ''}"
        for entry in entries
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
