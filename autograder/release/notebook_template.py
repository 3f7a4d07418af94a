"""Notebooks: the grammar of `.py` files in code cells, written answers in the others, and nothing that was computed.

Kept of a cell: its id, type, stripped source and tags. Cells tagged ``instructor-only`` go; so do outputs, execution
counts, other metadata, and attachments that the stripped text no longer shows. Where a notebook has blanks, the cells
with blanks are tagged ``answer`` and cannot be deleted; the others are locked, unless tagged ``editable``.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from autograder.errors import UserError
from autograder.release.answers import strip_markdown
from autograder.release.foreign import CELL, refuse_foreign
from autograder.release.grammar import read_prose_line
from autograder.release.labels import ANSWER, EDITABLE, INSTRUCTOR_ONLY
from autograder.release.prose import is_written, leads_on
from autograder.release.reference_cells import Cell, is_for_instructors, read_notebook, refuse_labels
from autograder.release.rubric import Rubric
from autograder.release.stubs import Removed, Stripped, check_stripped, strip_source
from autograder.source.cells import as_python, joined, other_language
from autograder.source.decoding import clean_text
from autograder.source.lines import Place, split_lines
from autograder.source.magics import is_python_cell
from autograder.source.spans import Source

_SUFFIX = re.compile(r"#+[ \t]*SOLUTION\b")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KERNEL = ("display_name", "language", "name")


def strip_notebook(text: str, place: Place, rubric: Rubric) -> Stripped:
    """Return the students' notebook, valid nbformat 4.5, and what was taken away; problems raise `UserError`."""
    notebook = read_notebook(text, place.file)
    _refuse_other_languages(notebook, place.file)
    cells: list[Cell] = []
    answers: list[bool] = []
    removed: list[Removed] = []
    covered: list[str] = []
    blanks, lead = 0, ""
    for number, cell in enumerate(notebook["cells"], 1):
        where = Place(place.file, number)
        removed += _outputs(cell, where)
        if is_for_instructors(cell):
            removed.append(Removed(where, 1, joined(cell.get("source", ""))))
            continue
        stripped = _strip_cell(cell, where, rubric)
        refuse_labels(cell, where, has_blank=bool(stripped.blanks))
        if lead and not stripped.blanks and is_written(stripped.text):
            raise UserError(f"{where.file}, cell {number}: an answer that is not marked comes after {lead!r}; {CELL}")
        lead = leads_on(stripped.text) if cell["cell_type"] == "markdown" else ""
        cells.append(_clean(cell, stripped.text))
        answers.append(bool(stripped.blanks))
        removed += [*stripped.removed, *_lost_attachments(cell, cells[-1], where)]
        blanks, covered = blanks + stripped.blanks, [*covered, *stripped.covered]
    _give_ids(cells)
    if any(answers):
        for clean, is_answer in zip(cells, answers, strict=True):
            _lock(clean, is_answer)
    result = {"cells": cells, "metadata": _metadata(notebook), "nbformat": 4, "nbformat_minor": 5}
    return Stripped(_write(result, place.file), tuple(removed), blanks, tuple(covered))


def _strip_cell(cell: Cell, where: Place, rubric: Rubric) -> Stripped:
    source = joined(cell.get("source", ""))
    if cell["cell_type"] != "code":
        return strip_markdown(source, where, rubric)
    if not is_python_cell(source):
        refuse_marked_lines(source, where, f"a cell that is no Python; tag the cell {INSTRUCTOR_ONLY!r}")
        return Stripped(source)
    plain = as_python(source)
    for number, (line, left) in enumerate(zip(clean_text(source, []).split("\n"), plain.split("\n"), strict=True), 1):
        if line == left:
            continue
        if "SOLUTION" in line:
            raise UserError(f"{where.line(number)}: a marker on a line with a magic; enclose the line in a region")
        refuse_foreign(line, where.line(number), prose=True)
    stripped = strip_source(Source.parse(source, where, stand_in=plain), rubric)
    check_stripped(stripped, where, rubric, stand_in=as_python(stripped.text))
    return stripped


def refuse_marked_lines(text: str, where: Place, what: str) -> None:
    """Raise `UserError` for a marker, a near-miss or a word to staff in text of any kind; ``what`` says in what."""
    for number, line in enumerate(split_lines(text), 1):
        place = where.line(number)
        if read_prose_line(line, place) or _SUFFIX.search(line):
            raise UserError(f"{place}: a marker in {what}")
        refuse_foreign(line, place, prose=True)


def _clean(cell: Cell, source: str) -> Cell:
    metadata = cell.get("metadata", {})
    clean: Cell = {"cell_type": cell["cell_type"], "metadata": {}, "source": source, "id": cell.get("id")}
    if tags := [tag for tag in metadata.get("tags", []) if isinstance(tag, str)]:
        clean["metadata"]["tags"] = tags
    if cell["cell_type"] == "code":
        return {**clean, "outputs": [], "execution_count": None}
    shown = {name: data for name, data in cell.get("attachments", {}).items() if _is_shown(name, source)}
    return {**clean, "attachments": shown} if shown else clean


def _is_shown(attachment: str, source: str) -> bool:
    """Whether Markdown names an attachment, as it is or as it is written in an address (``my%20plot.png``)."""
    name = re.escape(unicodedata.normalize("NFC", attachment))
    texts = (unicodedata.normalize("NFC", text) for text in (source, unquote(html.unescape(source))))
    return any(re.search(rf"attachment:{name}(?![\w.-])", text) for text in texts)


def _lock(cell: Cell, is_answer: bool) -> None:
    metadata = cell["metadata"]
    if is_answer:
        metadata["tags"] = list(dict.fromkeys([*metadata.get("tags", []), ANSWER]))
        metadata["deletable"] = False
    elif EDITABLE not in metadata.get("tags", []):
        metadata |= {"deletable": False, "editable": False}


def _refuse_other_languages(notebook: dict[str, Any], file: str) -> None:
    if language := other_language(notebook):
        raise UserError(f"{file}: is written in {language}; only notebooks in Python can become templates")


def _outputs(cell: Cell, where: Place) -> Iterator[Removed]:
    for output in cell.get("outputs", []):
        payloads = [output.get("text", ""), "\n".join(map(str, output.get("traceback", ())))]
        payloads += [data if isinstance(data, list) else str(data) for data in output.get("data", {}).values()]
        yield from (Removed(where, 1, joined(payload)) for payload in payloads if payload)


def _lost_attachments(cell: Cell, clean: Cell, where: Place) -> Iterator[Removed]:
    for name, data in cell.get("attachments", {}).items():
        if name not in clean.get("attachments", {}):
            yield from (Removed(where, 1, joined(payload)) for payload in data.values())


def _give_ids(cells: list[Cell]) -> None:
    taken: set[str] = set()
    for cell in cells:
        wanted = cell["id"] if isinstance(cell["id"], str) and _CELL_ID.fullmatch(cell["id"]) else ""
        copy = 0
        while not wanted or wanted in taken:
            # From what students see alone: an id must not depend on the solution, nor on other cells' places.
            wanted = hashlib.sha256(f"{copy}:{cell['cell_type']}:{cell['source']}".encode()).hexdigest()[:8]
            copy += 1
        taken.add(wanted)
        cell["id"] = wanted


def _metadata(notebook: dict[str, Any]) -> dict[str, Any]:
    metadata = notebook.get("metadata", {})
    kernel = {key: value for key, value in metadata.get("kernelspec", {}).items() if key in _KERNEL}
    language = metadata.get("language_info", {}).get("name", "python")
    return {**({"kernelspec": kernel} if kernel else {}), "language_info": {"name": language}}


def _write(notebook: dict[str, Any], file: str) -> str:
    import nbformat

    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise UserError(f"{file}: not a valid notebook: {error.message}") from None
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
