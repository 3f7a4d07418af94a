"""Files of the reference as a student would hand them in: without marks, and notebooks as notebooks that were run."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from autograder.assignment import NOTEBOOK, Assignment
from autograder.mutants import CATALOGUE, Mutant, apply
from autograder.references import expected_names, notebook_of_text, reference_code, reference_path
from autograder.release.files import Tree
from autograder.release.grammar import Role, read_comment, read_prose_line
from autograder.source.cells import as_python, cell_source, notebook_cells, parse_notebook
from autograder.source.lines import Place, line_end, split_lines
from autograder.source.magics import is_python_cell
from autograder.source.spans import Source
from autograder.texts import decode, read_text

Notebook = dict[str, Any]

_HEAD_OF_CELL = re.compile(r"^# *%%", re.MULTILINE)


def reference_files(assignment: Assignment) -> Tree:
    """Return the required files of the reference, by their expected names."""
    paths = {name: reference_path(assignment, name) for name in assignment.manifest.files.required}
    return {
        name: _handed_in(assignment, name, path.name, path.read_bytes())
        for name, path in paths.items()
        if path.is_file()
    }


def files_of(assignment: Assignment, files: Mapping[str, bytes]) -> Tree:
    """Return the files of an alternative, the expected ones by their expected names and the others as they are."""
    expected = expected_names(assignment, files)
    return {
        expected.get(name, name): _handed_in(assignment, expected[name], name, data) if name in expected else data
        for name, data in files.items()
    }


def mutated_file(assignment: Assignment, mutant: Mutant) -> tuple[str, bytes]:
    """Return the expected file that a mutant changes, and its bytes; raise `UserError` where the mutant does not fit.

    A notebook that is kept as text keeps its other cells; of one that is not, all code is in one cell.
    """
    name = assignment.manifest.item(mutant.item).file
    assert name is not None
    path, code = reference_path(assignment, name), reference_code(assignment, name)
    where = f"{CATALOGUE}: mutant {mutant.id!r}, {name}"
    if path.suffix == NOTEBOOK:
        notebook = _notebook([_cell(apply(mutant.replacements, code, where=where))])
        return name, _notebook_bytes(notebook, _ids(assignment), name)
    text = _transplanted(read_text(path), code, mutant, where)
    return name, _handed_in(assignment, name, path.name, text.encode())


def signed(name: str, data: bytes, signature: str) -> bytes:
    """Return the file with a signature that no check sees, so that no two submissions are equal."""
    if name.endswith(".py"):
        return data.rstrip(b"\n") + f"\n\n# {signature}\n".encode()
    if name.endswith(NOTEBOOK):
        notebook = parse_notebook(data.decode())
        notebook["metadata"]["signature"] = signature
        return _json(notebook)
    return data


def with_lines_before(name: str, data: bytes, pattern: str, lines: str) -> bytes | None:
    """Return the file with lines before the first line of code that matches, as far indented; None where none does."""
    if not name.endswith(NOTEBOOK):
        changed = _inserted(data.decode(), pattern, lines)
        return None if changed is None else changed.encode()
    notebook = parse_notebook(data.decode())
    for cell in notebook_cells(notebook):
        if cell["cell_type"] == "code" and (changed := _inserted(cell_source(cell), pattern, lines)) is not None:
            cell["source"] = changed
            return _json(notebook)
    return None


def _inserted(text: str, pattern: str, lines: str) -> str | None:
    if (match := re.search(pattern, text, re.MULTILINE)) is None:
        return None
    start = text.rfind("\n", 0, match.start()) + 1
    line = text[start:]
    indent = line[: len(line) - len(line.lstrip())]
    added = "".join(f"{indent}{one}\n" for one in lines.strip().split("\n"))
    return text[:start] + added + text[start:]


def _transplanted(text: str, code: str, mutant: Mutant, where: str) -> str:
    """Make the replacements in the lines of the text that the code has, too; as code alone where they are not."""
    lines = text.split("\n")
    is_alike = len(lines) == code.count("\n") + 1
    for replacement in mutant.replacements:
        changed = apply([replacement], code, where=where)
        at = code.index(replacement.old)
        first, last = code.count("\n", 0, at), code.count("\n", 0, at + len(replacement.old))
        more = changed.count("\n") - code.count("\n")
        lines[first : last + 1] = changed.split("\n")[first : last + 1 + more]
        code = changed
    return "\n".join(lines) if is_alike else code


def _ids(assignment: Assignment) -> tuple[str, ...]:
    return tuple(item.id for item in assignment.manifest.items)


def _handed_in(assignment: Assignment, name: str, kept_as: str, data: bytes) -> bytes:
    """Return an expected file; ``kept_as`` is the name of the file that holds it."""
    ids = _ids(assignment)
    if name.endswith(NOTEBOOK):
        return _notebook_bytes(_as_notebook(decode(data, kept_as), kept_as), ids, kept_as)
    if PurePosixPath(name).suffix == ".py":
        return _without_marks(decode(data, kept_as), Place(kept_as), ids).encode()
    return _without_marked_lines(decode(data, kept_as), Place(kept_as)).encode() if name.endswith(".md") else data


def _as_notebook(text: str, kept_as: str) -> Notebook:
    """Return what is kept as a notebook, as one in the percent format, or as code alone, which becomes one cell."""
    if kept_as.endswith(NOTEBOOK):
        return parse_notebook(text)
    return notebook_of_text(text, kept_as) if _HEAD_OF_CELL.search(text) else _notebook([_cell(text)])


def _without_marks(text: str, place: Place, ids: Collection[str], *, stand_in: str | None = None) -> str:
    """Return Python without the comments that mark blanks; what they mark stays."""
    source = Source.parse(text, place, stand_in=stand_in)
    lines = list(source.lines)
    for comment in source.comments:
        directive = read_comment(comment.text, place.line(comment.line), ids, alone=comment.alone)
        if directive is not None:
            line = lines[comment.line - 1]
            kept = line[: comment.column].rstrip() + line_end(line) if directive.role is Role.SUFFIX else ""
            lines[comment.line - 1] = kept
    return "".join(lines)


def _without_marked_lines(text: str, place: Place) -> str:
    lines = enumerate(split_lines(text), start=1)
    return "".join(line for number, line in lines if read_prose_line(line, place.line(number)) is None)


def _notebook_bytes(notebook: Notebook, ids: Collection[str], file: str) -> bytes:
    """Return a notebook whose cells were run once from top to bottom, unless their metadata say otherwise.

    These are how mistakes in running are described: ``execution_count`` and ``raises``.
    """
    cells, count = [], 0
    for number, cell in enumerate(notebook_cells(notebook), start=1):
        source, metadata, place = cell_source(cell), cell.get("metadata", {}), Place(file, number)
        if cell.get("cell_type") != "code":
            prose = _without_marked_lines(source, place)
            cells.append({"cell_type": cell["cell_type"], "metadata": {}, "source": prose})
            continue
        count += 1
        if is_python_cell(source):
            source = _without_marks(source, place, ids, stand_in=as_python(source))
        cells.append(_cell(source, metadata.get("execution_count", count), str(metadata.get("raises", ""))))
    return _json(_notebook(cells))


def _cell(source: str, count: int | None = 1, raises: str = "") -> dict[str, Any]:
    error = {"output_type": "error", "ename": raises, "evalue": "", "traceback": [raises]}
    outputs = [error] if raises else []
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": count, "outputs": outputs}


def _notebook(cells: list[dict[str, Any]]) -> Notebook:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}


def _json(notebook: Notebook) -> bytes:
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()
