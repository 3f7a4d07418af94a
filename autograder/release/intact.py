"""Files that students get as they are (handout, public checks, probes, provided files): no mark acts on them."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath

from autograder.errors import UserError
from autograder.release.answers import refuse_prose
from autograder.release.grammar import read_comment
from autograder.release.labels import INSTRUCTOR_ONLY
from autograder.release.leftovers import refuse_leftovers
from autograder.release.notebook_template import refuse_marked_lines
from autograder.release.packing import unzip_bytes
from autograder.release.reference_cells import is_for_instructors, read_notebook, refuse_labels
from autograder.source.cells import as_python, joined
from autograder.source.lines import Place, split_lines
from autograder.source.magics import is_python_cell
from autograder.source.spans import Source
from autograder.texts import decode

_WHAT = "a file that students get as it is; remove it"


def refuse_marks(place: Place, data: bytes) -> None:
    """Raise `UserError` for a marker, a near-miss or a word to staff in a file that students get as it is."""
    suffix = PurePosixPath(place.file).suffix
    if suffix == ".py":
        _in_code(decode(data, place.file), place)
    elif suffix == ".ipynb":
        _in_notebook(decode(data, place.file), place.file)
    elif suffix == ".md":
        _in_prose(decode(data, place.file), place)
    elif zipfile.is_zipfile(io.BytesIO(data)):
        for name, inner in unzip_bytes(data).items():
            refuse_marks(Place(f"{place.file}: {name}"), inner)
    elif b"\0" not in data:
        refuse_marked_lines(data.decode("utf-8-sig", errors="replace"), place, _WHAT)


def _in_notebook(text: str, file: str) -> None:
    for number, cell in enumerate(read_notebook(text, file)["cells"], 1):
        place, source = Place(file, number), joined(cell.get("source", ""))
        if is_for_instructors(cell):
            raise UserError(f"{file}, cell {number}: a cell tagged {INSTRUCTOR_ONLY!r} in {_WHAT}")
        refuse_labels(cell, place, has_blank=False)
        if cell["cell_type"] != "code":
            _in_prose(source, place)
        elif is_python_cell(source):
            _in_code(source, place, stand_in=as_python(source))
        else:
            refuse_marked_lines(source, place, _WHAT)


def _in_code(text: str, place: Place, stand_in: str | None = None) -> None:
    source = Source.parse(text, place, stand_in=stand_in)
    for comment in source.comments:
        where = place.line(comment.line)
        if read_comment(comment.text, where, (), alone=comment.alone):
            raise UserError(f"{where}: a marker in {_WHAT}")
    refuse_leftovers(source, ())


def _in_prose(text: str, place: Place) -> None:
    refuse_marked_lines(text, place, _WHAT)
    refuse_prose(split_lines(text), (), place)
