"""Notebooks to Python source: the code cells in order, joined; what does not parse in one cell costs that cell only.

Jupyter's own reader takes 200 ms to import and trusts its input; the few keys that matter are read here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from autograder.submission.commands import cell_without_commands
from autograder.submission.decoding import Remark, clean_text
from autograder.submission.model import Cell
from autograder.submission.parsing import SyntaxProblem

MAX_CELLS = 2_000


def looks_like_notebook(text: str) -> bool:
    """Say whether the text is a notebook, whatever its file is called."""
    return text.lstrip()[:1] == "{" and '"nbformat"' in text


def code_cells(text: str, wanted: Collection[str] = ()) -> list[str]:
    """Return the sources of the code cells (notebook formats 3 and 4); raise ValueError where it is no notebook.

    A cell of another type counts as code where it defines one of the ``wanted`` names and no code cell does: its type
    was changed by accident.
    """
    cells = notebook_cells(text)
    code = [cell for cell in cells if cell.get("cell_type") == "code"]
    if len(code) > MAX_CELLS:
        raise ValueError(f"it has more than {MAX_CELLS} code cells")
    lost = _lost_names([cell_source(cell) for cell in code], wanted)
    return [cell_source(cell) for cell in cells if cell.get("cell_type") == "code" or _defines(cell_source(cell), lost)]


def notebook_cells(text: str) -> list[dict[str, Any]]:
    """Return the cells of all types as they are; raise ValueError where the text is no notebook."""
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(notebook, dict):
        raise ValueError("it holds no cells")
    return list(_cells(notebook))


def _lost_names(code: list[str], wanted: Collection[str]) -> set[str]:
    return {name for name in wanted if not any(_defines(source, {name}) for source in code)}


def _defines(source: str, names: Collection[str]) -> bool:
    """Whether a text is Python that defines a function or class of one of the names."""
    if not any(name in source for name in names):
        return False
    tree = cell_without_commands(source)[1]
    if isinstance(tree, SyntaxProblem):
        return any(re.search(rf"^\s*(?:def|class)\s+{re.escape(name)}\b", source, re.MULTILINE) for name in names)
    return any(isinstance(s, (ast.FunctionDef, ast.ClassDef)) and s.name in names for s in tree.body)


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sheets = notebook.get("worksheets")  # format 3
    for holder in [notebook, *(sheets if isinstance(sheets, list) else [])]:
        cells = holder.get("cells", []) if isinstance(holder, dict) else []
        yield from (cell for cell in (cells if isinstance(cells, list) else []) if isinstance(cell, dict))


def cell_source(cell: Mapping[str, Any]) -> str:
    """Return the text of a cell, stored as one string or as a list of lines."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def join_cells(sources: list[str]) -> tuple[str, tuple[Cell, ...], list[Remark], list[Remark]]:
    """Return joined source, cells, remarks on commands and remarks on cells that do not parse (left blank)."""
    lines: list[str] = []
    cells: list[Cell] = []
    remarks: list[Remark] = []
    problems: list[Remark] = []
    for number, source in enumerate(sources, start=1):
        own: list[Remark] = []
        cleaned, tree, commands = cell_without_commands(clean_text(source, own))
        if isinstance(tree, SyntaxProblem):
            cleaned, tree, commands = _try_dedented(cleaned, tree, commands)
        body = cleaned.split("\n")
        first = len(lines) + 1
        if isinstance(tree, SyntaxProblem):
            problems.append(Remark(f"{tree.text} (this cell was left out)", first + (tree.line or 1) - 1))
            body = [""] * len(body)
        remarks += [Remark(text, first + (line or 1) - 1) for text, line in (*own, *commands)]
        cells.append(Cell(number, first, len(body)))
        lines += body
    return "\n".join(lines), tuple(cells), remarks, problems


def _try_dedented(
    source: str, problem: SyntaxProblem, commands: list[Remark]
) -> tuple[str, ast.Module | SyntaxProblem, list[Remark]]:
    """Jupyter runs a cell that is indented as a whole; so does this."""
    first = next((line for line in source.split("\n") if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    if not indent:
        return source, problem, commands
    dedented, tree, more = cell_without_commands("\n".join(line.removeprefix(indent) for line in source.split("\n")))
    return (source, problem, commands) if isinstance(tree, SyntaxProblem) else (dedented, tree, commands + more)
