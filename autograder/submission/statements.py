"""Statements that a hand-in should make in words, such as with whom somebody worked: whether they are there.

What they say is judged by nobody; a missing one gives a notice and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograder.assignment import Statement
from autograder.submission.decoding import decode
from autograder.submission.entries import Entry
from autograder.submission.notebooks import cell_source, looks_like_notebook, notebook_cells
from autograder.submission.notices import Notices, Topic

UNANSWERED = "*Your answer here"
"""What a template asks with: a cell that still has it says nothing."""


def report_statements(entries: Iterable[Entry], statements: Sequence[Statement], notices: Notices) -> None:
    """Give a notice for every statement that these files make less often than they should.

    One counts once for each cell of a notebook, of whichever type, and for each line of another file.
    """
    if not statements:
        return
    said = [part.casefold() for entry in entries for part in _parts(entry)]
    for statement in statements:
        words = [word.casefold() for word in statement.words]
        if sum(any(word in part for word in words) for part in said) < statement.times:
            notices.add(Topic.RULES, statement.notice)


def _parts(entry: Entry) -> list[str]:
    text = decode(entry.data)[0] if entry.data is not None else ""
    if not looks_like_notebook(text):
        return text.splitlines()
    try:
        cells = [cell_source(cell) for cell in notebook_cells(text)]
    except ValueError:
        return []  # it is said elsewhere that the file is no notebook
    return [cell for cell in cells if UNANSWERED not in cell]
