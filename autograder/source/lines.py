"""Lines of text: where they end, how one is quoted, and how a place in a file is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_QUOTED = 80

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Place:
    """A file, or a cell of a notebook, for messages."""

    file: str
    cell: int | None = None

    def line(self, number: int) -> str:
        """Return ``solutions/x/vae.py, line 3`` or ``solutions/x/vae.ipynb, cell 2, line 3``."""
        cell = "" if self.cell is None else f", cell {self.cell}"
        return f"{self.file}{cell}, line {number}"


@dataclass(frozen=True)
class Cell:
    """A code cell within the joined source of a notebook; ``number`` counts all cells of the notebook from 1."""

    number: int
    first_line: int
    lines: int


def split_lines(text: str) -> tuple[str, ...]:
    """Split after ``\\n``, ``\\r\\n`` and ``\\r`` only (`str.splitlines` splits at form feeds, too), ends kept."""
    return tuple(_LINE.findall(text))


def with_line_feeds(text: str) -> str:
    r"""Return the text with ``\n`` for every line end, which is how Python counts lines."""
    return LINE_END.sub("\n", text) if "\r" in text else text


def line_end(line: str) -> str:
    """Return the line's own end; ``""`` for a last line without one."""
    return line[len(line.rstrip("\r\n")) :]


def indentation(line: str) -> str:
    """Return the blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def printable(text: object, limit: int = MAX_QUOTED) -> str:
    """Return one line of at most ``limit`` printable characters; the middle of a longer text is left out."""
    shown = str(text)
    if len(shown) > limit:
        head = limit * 2 // 3
        shown = f"{shown[:head]}…{shown[len(shown) - (limit - head - 1) :]}"
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in shown
    )


def quoted(line: str, limit: int = MAX_QUOTED) -> str:
    """Return a line in backticks, without others in it."""
    return f"`{printable(line.strip(), limit).replace('`', chr(39))}`"
