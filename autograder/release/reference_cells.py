"""The cells of a notebook as plain values, and what their tags, titles and metadata say about who gets them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograder.errors import UserError
from autograder.release.labels import ANSWER, INSTRUCTOR_ONLY, is_for_staff, is_staff_tag, staff_metadata
from autograder.release.prose import is_written
from autograder.source.cells import joined, parse_notebook
from autograder.source.lines import Place

Cell = dict[str, Any]

_CELL_TYPES = ("code", "markdown", "raw")


def read_notebook(text: str, file: str) -> dict[str, Any]:
    """Return a notebook of format 4 as plain values; anything else raises `UserError`, naming the cell."""
    try:
        notebook = parse_notebook(text)
    except ValueError as error:
        raise UserError(f"{file}: not a notebook: {error}") from None
    if notebook.get("nbformat") != 4 or not isinstance(notebook.get("cells"), list):
        raise UserError(f"{file}: not a notebook of format 4; open it in Jupyter and save it")
    metadata = notebook.setdefault("metadata", {})
    for key in ("kernelspec", "language_info"):
        if not isinstance(metadata, dict) or not isinstance(metadata.get(key, {}), dict):
            raise UserError(f"{file}: metadata and its {key} must be tables; open it in Jupyter and save it")
    for number, cell in enumerate(notebook["cells"], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in _CELL_TYPES:
            raise UserError(f"{file}, cell {number}: neither a code nor a Markdown cell")
        if problem := _wrong_type(cell):
            raise UserError(f"{file}, cell {number}: {problem}")
    return notebook


def _wrong_type(cell: Cell) -> str:
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict):
        return "metadata must be a table"
    tags = metadata.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return f'tags must be a list, such as ["{INSTRUCTOR_ONLY}"], not {tags!r}'
    for key, kind in (("source", (str, list)), ("outputs", list), ("attachments", dict)):
        if not isinstance(cell.get(key, kind() if isinstance(kind, type) else ""), kind):
            return f"{key} is not what Jupyter writes; open the notebook in Jupyter and save it"
    parts = [*cell.get("outputs", []), *cell.get("attachments", {}).values()]
    return "" if all(isinstance(part, dict) for part in parts) else "an output or attachment is no table"


def is_for_instructors(cell: Cell) -> bool:
    """Whether a cell is tagged as one that stays with the instructor."""
    return INSTRUCTOR_ONLY in cell.get("metadata", {}).get("tags", [])


def refuse_labels(cell: Cell, where: Place, *, has_blank: bool) -> None:
    """Raise `UserError` where a cell that students get is labelled as one that they must not get.

    That a cell with a blank is called a solution is right: what is marked in it goes.
    """
    tags = cell.get("metadata", {}).get("tags", [])
    if ANSWER in tags and not has_blank and is_written(joined(cell.get("source", ""))):
        raise UserError(
            f"{where.file}, cell {where.cell}: tag {ANSWER!r}, but nothing is marked in the cell; "
            f'enclose the answer in "### BEGIN SOLUTION" and "### END SOLUTION", or remove the tag'
        )
    for said in _labels(cell.get("metadata", {}), has_blank):
        raise UserError(
            f"{where.file}, cell {where.cell}: {said} says that students must not get the cell, but nothing here acts "
            f"on it; did you mean {INSTRUCTOR_ONLY!r}? Write it as a tag, or take the words away"
        )


def _labels(metadata: dict[str, Any], has_blank: bool) -> Iterator[str]:
    yield from (f"tag {tag!r}" for tag in metadata.get("tags", []) if is_staff_tag(tag))
    for key in metadata:
        if key != "tags" and key.casefold().strip(" _-s") == "tag":
            yield f"{key!r} instead of 'tags'"
    if not has_blank:
        if is_for_staff(title := str(metadata.get("title", ""))) or "tags" in title.casefold().split(":")[0]:
            yield f"title {title!r}"
        yield from staff_metadata(metadata)
