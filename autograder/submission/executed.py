"""How a notebook was run before it was handed in: counts and errors of its code cells, read from the file alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from autograder.submission.commands import cell_without_commands
from autograder.submission.model import Executed, NotebookCell
from autograder.submission.notebooks import cell_source, notebook_cells


def read_executed(text: str) -> Executed:
    """Return how a notebook was run; raise ValueError where the text is none."""
    code = [cell for cell in notebook_cells(text) if cell.get("cell_type") == "code"]
    found = (
        NotebookCell(number, cell_source(cell), _count(cell), tuple(_errors(cell.get("outputs"))))
        for number, cell in enumerate(code, start=1)
    )
    return Executed(tuple(cell for cell in found if _holds_code(cell.source)))


def as_if_run(cells: Iterable[Mapping[str, Any]]) -> Executed:
    """Return how the code cells of a trusted notebook that is kept as text were run: once, from top to bottom.

    Metadata of a cell may say otherwise, which is how mistakes are described: ``execution_count`` and ``raises``.
    """
    found = []
    for number, cell in enumerate(cells, start=1):
        metadata = cell.get("metadata", {})
        errors = (str(metadata["raises"]),) if "raises" in metadata else ()
        found.append(NotebookCell(number, cell_source(cell), metadata.get("execution_count", number), errors))
    return Executed(tuple(cell for cell in found if _holds_code(cell.source)))


def _count(cell: Mapping[str, Any]) -> int | None:
    count = cell.get("execution_count", cell.get("prompt_number"))
    return count if type(count) is int else None


def _errors(outputs: Any) -> Iterable[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("output_type") in ("error", "pyerr"):
            yield str(output.get("ename") or "an error")[:80]


def _holds_code(source: str) -> bool:
    tree = cell_without_commands(source)[1]
    return not isinstance(tree, ast.Module) or bool(tree.body)
