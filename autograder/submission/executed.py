"""How a notebook was run before it was handed in: counts and errors of its code cells, read from the file alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autograder.source.cells import CodeCell, SavedCell, cell_source
from autograder.submission.model import Executed, NotebookCell


def read_executed(cells: Iterable[CodeCell]) -> Executed:
    """Return how the code cells of a notebook were run; cells of other types that hold code were not."""
    run = (cell.saved for cell in cells if cell.saved.is_code and cell.holds_code)
    return Executed(tuple(NotebookCell(saved.number, saved.source, saved.count, saved.errors) for saved in run))


def as_if_run(cells: Iterable[Mapping[str, Any]]) -> Executed:
    """Return how the code cells of a trusted notebook that is kept as text were run: once, from top to bottom.

    Metadata of a cell may say otherwise, which is how mistakes are described: ``execution_count`` and ``raises``.
    """
    saved: list[SavedCell] = []
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] != "code":
            continue
        metadata = cell.get("metadata", {})
        errors = (str(metadata["raises"]),) if "raises" in metadata else ()
        saved.append(
            SavedCell(number, True, cell_source(cell), metadata.get("execution_count", len(saved) + 1), errors)
        )
    return read_executed(map(CodeCell.read, saved))
