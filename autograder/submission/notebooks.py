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
from autograder.submission.parsing import MAX_SOURCE, SyntaxProblem

MAX_CELLS = 2_000

_MERGE_MARK = re.compile(r"^(?:<{7}|>{7}) .*$", re.MULTILINE)
_WRITES = re.compile(r"\s*%%writefile[ \t]+(-a[ \t]+)?(?:\./)?([A-Za-z_]\w*\.py)[ \t]*(?:\n|$)")
_NAMED = re.compile(r"\b(?:def|class)(?=[\s\\]+(\w+))")
_NAMED_ON_A_LINE = re.compile(r"^[^\S\n]*(?:def|class)(?=\s+(\w+))", re.MULTILINE)


def looks_like_notebook(text: str) -> bool:
    """Say whether the text is a notebook, whatever its file is called."""
    return text.lstrip()[:1] == "{" and ('"nbformat"' in text or ('"cells"' in text and '"cell_type"' in text))


def code_cells(text: str, wanted: Collection[str] = ()) -> list[str]:
    """Return the sources of the code cells (notebook formats 3 and 4); raise ValueError where it is no notebook.

    A cell of another type counts as code where it defines one of the ``wanted`` names and no code cell does: its type
    was changed by accident. Where the code cells alone are longer than ``MAX_SOURCE``, none is looked for.
    """
    cells = [(cell.get("cell_type") == "code", cell_source(cell)) for cell in notebook_cells(text)]
    code = [source for is_code, source in cells if is_code]
    if len(code) > MAX_CELLS:
        raise ValueError(f"it has more than {MAX_CELLS} code cells")
    if sum(map(len, code)) > MAX_SOURCE:
        return code
    lost = set(wanted).difference(*(_defined(source, wanted) for source in code))
    return list(_with_lost_cells(cells, lost))


def notebook_cells(text: str) -> list[dict[str, Any]]:
    """Return the cells of all types as they are; raise ValueError where the text is no notebook."""
    return list(_cells(parse_notebook(text)))


def parse_notebook(text: str) -> dict[str, Any]:
    """Return a notebook as plain values, out of what Jupyter's server wraps it in.

    Raises ValueError with the reason where the text is none: the one reader of hand-ins and of references.
    """
    if (found := _MERGE_MARK.search(text)) is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"it has marks of a merge that was not finished (line {line}: `{found[0].strip()}`)")
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        if not text[error.pos :].strip() or error.msg.startswith("Unterminated string"):
            raise ValueError("it breaks off in the middle: the file was not saved or uploaded whole") from None
        raise ValueError(f"it is damaged (no JSON: {error.msg}, line {error.lineno})") from None
    if isinstance(notebook, dict) and isinstance(inner := notebook.get("content"), dict) and "cells" not in notebook:
        notebook = inner
    if not isinstance(notebook, dict) or not {"cells", "worksheets"} & notebook.keys():
        raise ValueError("it holds no cells")
    return notebook


def other_language(notebook: Mapping[str, Any]) -> str:
    """Return the language that a notebook says it is written in, "" for Python and where it says nothing."""
    metadata = notebook.get("metadata")
    for table, key in (("kernelspec", "language"), ("language_info", "name"), ("kernelspec", "name")):
        part = metadata.get(table) if isinstance(metadata, dict) else None
        name = part.get(key) if isinstance(part, dict) else None
        if isinstance(name, str) and name:
            is_python = name.casefold().startswith(("python", "ipython")) or (key, table) == ("name", "kernelspec")
            return "" if is_python else name
    return ""


def _with_lost_cells(cells: list[tuple[bool, str]], lost: Collection[str]) -> Iterator[str]:
    """Yield the code, and what else defines a lost name; of that, no more is parsed than of code."""
    left = MAX_SOURCE
    for is_code, source in cells:
        if not is_code and _mentioned(source, lost):
            left -= max(len(source), MAX_SOURCE // MAX_CELLS)
        if is_code or (left >= 0 and _defined(source, lost)):
            yield source


def _mentioned(source: str, names: Collection[str]) -> set[str]:
    """Return those of the names that the text may define: a quick look without parsing."""
    return set(_NAMED.findall(source)).intersection(names) if names else set()


def _defined(source: str, names: Collection[str]) -> set[str]:
    """Return those of the names of which the text, as Python, defines a function or class."""
    if not (mentioned := _mentioned(source, names)):
        return set()
    tree = cell_without_commands(source)[1]
    if isinstance(tree, SyntaxProblem):
        return mentioned.intersection(_NAMED_ON_A_LINE.findall(source))
    return mentioned.intersection(s.name for s in tree.body if isinstance(s, (ast.FunctionDef, ast.ClassDef)))


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


def written_modules(sources: list[str]) -> dict[str, str]:
    """Return what cells with ``%%writefile name.py`` write, by file name; what does not parse is left out."""
    written: dict[str, str] = {}
    for source in sources:
        if found := _WRITES.match(source):
            before = written.get(found[2], "") if found[1] else ""
            text, tree, _ = cell_without_commands(clean_text(source[found.end() :], []))
            if not isinstance(tree, SyntaxProblem):
                written[found[2]] = before + text
    return written


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
