"""The reference of an expected file: kept under its own name, or a notebook as text.

A notebook may be kept as text in jupytext's percent format, ``pset1.py`` for ``pset1.ipynb``, so that a difference can
be read and a mutant is a replacement in text. Both forms are sources; there is one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.assignment import NOTEBOOK, Assignment
from autograder.errors import UserError
from autograder.source.cells import code_cells, join_cells, parse_notebook, saved_cells
from autograder.source.magics import read_python
from autograder.texts import read_text

HOW_TO_TAG = 'tags are a list: # %% tags=["instructor-only"]'

_HEAD_OF_CELL = re.compile(r"#\s*%%%*(?:\s|$)(?:.*\[(markdown|md|raw)\])?")


def as_text(name: str) -> str:
    """Return the name under which a file is kept as text: ``pset1.py`` for ``pset1.ipynb``, else its own."""
    path = PurePosixPath(name)
    return str(path.with_suffix(".py")) if path.suffix == NOTEBOOK else name


def reference_path(assignment: Assignment, name: str) -> Path:
    """Return where the reference of an expected file lies, or would lie.

    Raises `UserError` where a notebook is there in both forms.
    """
    assert assignment.reference is not None
    own, text = assignment.reference / name, assignment.reference / as_text(name)
    if own == text or not text.is_file() or as_text(name) in assignment.manifest.files.required:
        return own
    if own.is_file():
        raise UserError(f"{own}: {text.name} beside it is the same notebook as text; keep one of them")
    return text


def reference_name(assignment: Assignment, name: str) -> str:
    """Return the name within the reference's folder under which an expected file is kept."""
    return name if reference_path(assignment, name).suffix == PurePosixPath(name).suffix else as_text(name)


def reference_code(assignment: Assignment, name: str) -> str:
    """Return the reference of an expected file as Python: of a notebook the code cells, magics blanked out.

    In a notebook kept as text, lines of other cells are blank; those that head cells stay.
    """
    path = reference_path(assignment, name)
    text = read_text(path)
    if path.suffix == NOTEBOOK:
        return join_cells(code_cells(saved_cells(parse_notebook(text)))).text
    return _code_of_text(text) if name.endswith(NOTEBOOK) else text


def notebook_of_text(text: str, file: str) -> dict[str, Any]:
    """Return the notebook that is kept as text in the percent format.

    Raises `UserError` where it is none, or where what stands behind a ``# %%`` cannot be read: naming the cell.
    """
    import jupytext  # type: ignore[import-untyped]

    if not any(map(_HEAD_OF_CELL.match, text.split("\n"))):
        raise UserError(f"{file}: no notebook as text; let each cell begin with a line `# %%` (the percent format)")
    try:
        notebook: dict[str, Any] = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # whatever jupytext, nbformat and the YAML of the header raise is about this text
        raise _unreadable(text, file, error) from None
    for number, cell in enumerate(notebook["cells"], 1):
        if (lost := cell["metadata"].get("incorrectly_encoded_metadata")) is not None:
            raise UserError(f"{file}, cell {number}: cannot read {lost!r} behind `# %%`; {HOW_TO_TAG}")
        cell.pop("id", None)  # drawn at random; ids follow from what students see
    return notebook


def _unreadable(text: str, file: str, error: Exception) -> UserError:
    """Return the error with the first cell whose head alone cannot be read; without one, it is about the header."""
    import jupytext

    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _HEAD_OF_CELL.match(line):
            try:
                jupytext.reads(line, fmt="py:percent")
            except Exception:
                cell = len(jupytext.reads("\n".join(lines[:number]), fmt="py:percent")["cells"]) + 1
                return UserError(f"{file}, cell {cell}: cannot read {line!r} (line {number + 1}); {HOW_TO_TAG}")
    what = str(error).strip().partition("\n")[0]
    return UserError(f"{file}: the header above the first cell cannot be read: {type(error).__name__}: {what}")


def _code_of_text(text: str) -> str:
    """Return a notebook in the percent format without what its Markdown and raw cells say, and without magics."""
    kept, is_code = [], True
    for line in text.split("\n"):
        if heads := _HEAD_OF_CELL.match(line):
            is_code = heads[1] is None
        kept.append(line if is_code or heads else "")
    return read_python("\n".join(kept)).text


def expected_names(assignment: Assignment, found: Iterable[str]) -> dict[str, str]:
    """Map each of the found files that is an expected one, in whichever form, to its expected name."""
    names = {name: name for name in assignment.manifest.files.required}
    names = {**{as_text(name): name for name in names}, **names}
    return {name: names[name] for name in found if name in names}
