"""How a notebook was run before it was handed in: counts and errors of its code cells, read from the file alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autograder.source.cells import CodeCell
from autograder.submission.model import Executed, NotebookCell


def read_executed(cells: Iterable[CodeCell]) -> Executed:
    """Return how the code cells of a notebook were run; cells of other types that hold code were not."""
    code = [cell for cell in cells if cell.saved.get("cell_type") == "code"]
    return _executed(code, [(_count(cell.saved), tuple(_errors(cell.saved.get("outputs")))) for cell in code])


def as_if_run(cells: Iterable[CodeCell]) -> Executed:
    """Return how the code cells of a trusted notebook that is kept as text were run: once, from top to bottom.

    Metadata of a cell may say otherwise, which is how mistakes are described: ``execution_count`` and ``raises``.
    """
    code, runs = list(cells), []
    for number, cell in enumerate(code, start=1):
        metadata = cell.saved.get("metadata", {})
        errors = (str(metadata["raises"]),) if "raises" in metadata else ()
        runs.append((metadata.get("execution_count", number), errors))
    return _executed(code, runs)


def _executed(cells: Iterable[CodeCell], runs: Iterable[tuple[int | None, tuple[str, ...]]]) -> Executed:
    numbered = enumerate(zip(cells, runs, strict=True), start=1)
    return Executed(tuple(NotebookCell(n, cell.source, *run) for n, (cell, run) in numbered if cell.holds_code))


def _count(cell: Mapping[str, Any]) -> int | None:
    count = cell.get("execution_count", cell.get("prompt_number"))
    return count if type(count) is int else None


def _errors(outputs: Any) -> Iterable[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("output_type") in ("error", "pyerr"):
            yield str(output.get("ename") or "an error")[:80]
