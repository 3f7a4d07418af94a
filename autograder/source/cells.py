"""Cells of notebooks: read, parsed once each, and joined to one Python source.

What does not parse in one cell costs that cell only. Jupyter's own reader takes 200 ms to import and trusts its input;
the few keys that matter are read here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autograder.source.decoding import Remark, clean_text
from autograder.source.lines import Cell, indentation, split_lines
from autograder.source.magics import is_python_cell, read_cell, read_python
from autograder.source.parsing import MAX_SOURCE, MAX_TOKENS, TOO_MANY_TOKENS, ParsedSource, count_tokens

MAX_CELLS = 2_000

_MERGE_MARK = re.compile(r"^(?:<{7}|>{7}) .*$", re.MULTILINE)
_WRITES = re.compile(r"\s*%%writefile[ \t]+(-a[ \t]+)?(?:\./)?([A-Za-z_]\w*\.py)[ \t]*(?:\n|$)")
_NAMED = re.compile(r"\b(?:def|class)(?=[\s\\]+(\w+))")
_NAMED_ON_A_LINE = re.compile(r"^[^\S\n]*(?:def|class)(?=\s+(\w+))", re.MULTILINE)


class TooLong(ValueError):
    """More code than is parsed; the text is the rest of a sentence about it."""


@dataclass(frozen=True)
class SavedCell:
    """What matters of a cell as it was saved; ``count`` is None where it was never run.

    ``number`` counts all cells of the notebook from 1, as a person does who looks for it.
    """

    number: int
    is_code: bool
    source: str
    count: int | None = None
    errors: tuple[str, ...] = ()
    """Names of the exceptions among its outputs."""


@dataclass(frozen=True)
class CodeCell:
    """A cell that holds code, as it was saved and parsed."""

    saved: SavedCell
    parsed: ParsedSource

    @classmethod
    def read(cls, saved: SavedCell) -> CodeCell:
        """Parse a cell."""
        return cls(saved, parse_cell(saved.source))

    @property
    def holds_code(self) -> bool:
        """Whether there is anything in it but comments and commands."""
        return self.parsed.tree is None or bool(self.parsed.tree.body)


def looks_like_notebook(text: str) -> bool:
    """Say whether the text is a notebook, whatever its file is called."""
    return text.lstrip()[:1] == "{" and ('"nbformat"' in text or ('"cells"' in text and '"cell_type"' in text))


def parse_file(text: str, wanted: Collection[str] = ()) -> ParsedSource:
    """Return a script, or the code cells of a notebook as one; see `code_cells` for ``wanted`` and what is raised."""
    is_notebook = looks_like_notebook(text)
    return join_cells(code_cells(saved_cells(parse_notebook(text)), wanted)) if is_notebook else read_python(text)


def saved_cells(notebook: Mapping[str, Any]) -> list[SavedCell]:
    """Return the cells of a notebook (formats 3 and 4), without what nobody reads of them."""
    return [
        SavedCell(
            number,
            cell.get("cell_type") == "code",
            cell_source(cell),
            _count(cell),
            tuple(_errors(cell.get("outputs"))),
        )
        for number, cell in enumerate(notebook_cells(notebook), start=1)
    ]


def code_cells(cells: Sequence[SavedCell], wanted: Collection[str] = ()) -> list[CodeCell]:
    """Return the code cells among all of a notebook, parsed; raise ValueError where there are too many.

    A cell of another type counts as code where it defines one of the ``wanted`` names and no code cell does: its type
    was changed by accident. Raises `TooLong` for code longer than ``MAX_SOURCE`` or of more than ``MAX_TOKENS``.
    """
    code = [cell.source for cell in cells if cell.is_code]
    if len(code) > MAX_CELLS:
        raise ValueError(f"it has more than {MAX_CELLS} code cells")
    if sum(map(len, code)) > MAX_SOURCE:
        raise TooLong(f"has more than {MAX_SOURCE // 2**20} MB of code: not read")
    tokens = sum(map(count_tokens, filter(is_python_cell, code)))
    _refuse_many(tokens)
    found = [CodeCell.read(cell) if cell.is_code else None for cell in cells]
    lost = set(wanted).difference(*(_defined(one, wanted) for one in found if one is not None))
    left = MAX_SOURCE  # no more is parsed of other cells than of code
    for place, (cell, one) in enumerate(zip(cells, found, strict=True)):
        if one is None and _mentioned(cell.source, lost):
            left -= max(len(cell.source), MAX_SOURCE // MAX_CELLS)
            if left >= 0 and _defined(read := CodeCell.read(cell), lost):
                found[place] = read
                _refuse_many(tokens := tokens + count_tokens(cell.source))
    return [one for one in found if one is not None]


def parse_cell(source: str) -> ParsedSource:
    """Return a cell without its commands, parsed; as in Jupyter, it may be indented as a whole."""
    remarks: list[Remark] = []
    text = clean_text(source, remarks)
    parsed = read_cell(text)
    first = next((line for line in parsed.text.split("\n") if line.strip()), "")
    if parsed.tree is None and (indent := indentation(first)):
        again = read_cell("\n".join(line.removeprefix(indent) for line in parsed.text.split("\n")))
        if again.tree is not None:
            parsed = replace(again, remarks=[*parsed.remarks, *again.remarks])
    return replace(parsed, remarks=[*remarks, *parsed.remarks])


def as_python(source: str) -> str:
    """Return the text of a cell with fillers for its commands, and nothing of a cell in another language."""
    return read_cell(clean_text(source, [])).text


def notebook_cells(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the cells of all types as they are."""
    sheets = notebook.get("worksheets")  # format 3
    for holder in [notebook, *(sheets if isinstance(sheets, list) else [])]:
        cells = holder.get("cells", []) if isinstance(holder, dict) else []
        yield from (cell for cell in (cells if isinstance(cells, list) else []) if isinstance(cell, dict))


def parse_notebook(text: str) -> dict[str, Any]:
    """Return a notebook as plain values, out of what Jupyter's server wraps it in.

    Raises ValueError with the reason where the text is none: the one reader of submissions and of references.
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


def cell_source(cell: Mapping[str, Any]) -> str:
    """Return the text of a cell."""
    return joined(cell.get("source", cell.get("input", "")))


def joined(text: object) -> str:
    """Return text of a notebook, stored as one string or as a list of lines."""
    if isinstance(text, list):
        return "".join(part for part in text if isinstance(part, str))
    return text if isinstance(text, str) else ""


def join_cells(cells: Sequence[CodeCell]) -> ParsedSource:
    """Return the cells as one source; those that do not parse are left blank. Their trees become parts of its tree."""
    lines: list[str] = []
    places: list[Cell] = []
    remarks: list[Remark] = []
    problems: list[Remark] = []
    body: list[ast.stmt] = []
    for cell in cells:
        own, before = cell.parsed.text.split("\n"), len(lines)
        if cell.parsed.tree is None:
            own = [""] * len(own)
            problems += [
                Remark(f"{text} (this cell was left out)", before + (line or 1)) for text, line in cell.parsed.problems
            ]
        else:
            body += [ast.increment_lineno(statement, before) for statement in cell.parsed.tree.body]
        remarks += [Remark(text, before + (line or 1)) for text, line in cell.parsed.remarks]
        places.append(Cell(cell.saved.number, before + 1, len(own)))
        lines += own
    return ParsedSource("\n".join(lines), ast.Module(body, []), remarks, problems, tuple(places))


def written_modules(cells: Sequence[CodeCell]) -> dict[str, str]:
    """Return what cells with ``%%writefile name.py`` write, by file name; what does not parse is left out."""
    written: dict[str, str] = {}
    for cell in cells:
        if (found := _WRITES.match(cell.saved.source)) and cell.parsed.tree is not None:
            before = written.get(found[2], "") if found[1] else ""
            heading = len(split_lines(cell.saved.source[: found.end()]))
            written[found[2]] = before + "\n".join(cell.parsed.text.split("\n")[heading:])
    return written


def _count(cell: Mapping[str, Any]) -> int | None:
    count = cell.get("execution_count", cell.get("prompt_number"))
    return count if type(count) is int else None


def _errors(outputs: Any) -> Iterator[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("output_type") in ("error", "pyerr"):
            yield str(output.get("ename") or "an error")[:80]


def _mentioned(source: str, names: Collection[str]) -> set[str]:
    """Return those of the names that the text may define: a quick look without parsing."""
    return set(_NAMED.findall(source)).intersection(names) if names else set()


def _defined(cell: CodeCell, names: Collection[str]) -> set[str]:
    """Return those of the names of which a cell, as Python, defines a function or class."""
    mentioned, tree = _mentioned(cell.saved.source, names), cell.parsed.tree
    if tree is None:
        return mentioned.intersection(_NAMED_ON_A_LINE.findall(cell.saved.source))
    return mentioned.intersection(node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))


def _refuse_many(tokens: int) -> None:
    if tokens > MAX_TOKENS:
        raise TooLong(TOO_MANY_TOKENS)
