"""The values that the intake hands on: a submission and its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from autograder.results import Notice
from autograder.source.lines import Cell


@dataclass(frozen=True)
class NotebookCell:
    """A code cell that holds code; ``number`` counts all cells from 1, ``count`` is None where it was never run."""

    number: int
    source: str
    count: int | None
    errors: tuple[str, ...]
    """Names of the exceptions among its outputs."""


@dataclass(frozen=True)
class Executed:
    """The code cells of a notebook in order; those that hold no code are left out."""

    cells: tuple[NotebookCell, ...]


@dataclass(frozen=True)
class SubmittedFile:
    """One expected file as Python source; line numbers are those of what was handed in (of the joined cells)."""

    name: str
    found: str
    """Path within the submission; parts of a nested archive follow the archive's name."""
    source: str
    cells: tuple[Cell, ...] | None = None
    """The code cells in order where a notebook was handed in; each is a run of whole lines of ``source``."""
    executed: Executed | None = None
    """How the notebook had been run; None where a script was handed in."""
    written: Mapping[str, str] = field(default_factory=dict)
    """Modules that cells of the notebook write with ``%%writefile``, by file name."""
    refused: bool = False
    """Whether the file as a whole cannot be read; ``syntax_error`` then is the rest of a sentence about it."""
    syntax_error: str = ""
    """Empty, or such as ``line 12: invalid syntax: `x = = 3` ``; ``source`` then cannot be loaded as a whole."""

    @property
    def copy_name(self) -> str:
        """Path of the file in the copy that workers read: always a ``.py``, also for an expected notebook."""
        return str(PurePosixPath(self.name).with_suffix(".py"))

    def where(self, line: int) -> str:
        """Return ``line 12``, or ``cell 3, line 2`` in a notebook, for a line of ``source`` counted from 1."""
        for cell in self.cells or ():
            if cell.first_line <= line < cell.first_line + cell.lines:
                return f"cell {cell.number}, line {line - cell.first_line + 1}"
        return f"line {line}"

    def notice(self, text: str, line: int | None = None) -> Notice:
        """Return a notice about this file; in a notebook the text names the cell, for the line means nothing there."""
        if self.cells is not None and line is not None:
            return Notice(text=f"{self.where(line)}: {text}", file=self.found)
        return Notice(text=text, file=self.found, line=line)


@dataclass(frozen=True)
class Submission:
    """Everything that was handed in and that grading may use."""

    files: Mapping[str, SubmittedFile]
    """By expected name; required files and those optional ones that were handed in."""
    missing: tuple[str, ...]
    """Required files that were not handed in."""
    instead: Mapping[str, tuple[str, ...]]
    """What was there in place of a missing file, such as an archive that cannot be read, as sentences."""
    helpers: Mapping[str, str]
    """Other modules by path relative to the submission's root; none shadows a module of Python or of a package."""
    notices: tuple[Notice, ...]
    violations: Mapping[str, str]
    """Item id -> message, where a banned module is used inside one of the item's blanks."""
    digest: str
    """SHA-256 of paths and contents, whatever their order; files too large to read count with their size only."""

    def unavailable(self, name: str | None) -> str:
        """Say why an expected file cannot be used, "" where it can, or where ``name`` is None."""
        if name is None:
            return ""
        if name in self.missing:
            return f"{name} was not handed in" + "".join(f"; {why}" for why in self.instead.get(name, ()))
        file = self.files[name]
        if file.refused:
            return f"{file.found} {file.syntax_error}"
        return f"{file.found} cannot be read as Python: {file.syntax_error}" if file.syntax_error else ""
