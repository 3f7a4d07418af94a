"""IPython's magics, put aside so that the rest of a cell can be parsed as Python."""

from __future__ import annotations

import ast
import re

from autograder.release.source import split_lines

_MAGIC_LINE = re.compile(r"(?P<indent>[ \t]*)(?P<target>[\w, ]+=[ \t]*)?(?:[%!?].*|[\w.]+\?{1,2}[ \t]*)")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_RUNS_PYTHON = frozenset({"capture", "prun", "time", "timeit"})


def is_python(cell: str) -> bool:
    """Whether a code cell holds Python, not a script of a cell magic such as ``%%bash``."""
    found = _CELL_MAGIC.match(cell)
    return found is None or found[1] in _RUNS_PYTHON


def without_magics(cell: str) -> str:
    """Return the cell with its magics and shell lines replaced by statements, each on the same line.

    Only lines at which Python stumbles are replaced, so a ``%`` that goes on an expression stays what it is.
    """
    lines = list(split_lines(cell))
    for _ in range(len(lines)):
        number = _first_bad_line(lines)
        found = None if number is None else _MAGIC_LINE.fullmatch(lines[number].rstrip("\r\n"))
        if number is None or found is None:
            break
        lines[number] = f"{found['indent']}{found['target'] or ''}None\n"
    return "".join(lines)


def _first_bad_line(lines: list[str]) -> int | None:
    try:
        ast.parse("".join(lines))
    except SyntaxError as error:
        return min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
    except ValueError:
        return None
    return None
