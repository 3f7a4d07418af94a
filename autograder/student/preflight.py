"""What a student should know before handing in. Nothing of it keeps anybody from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograder.assignment import NOTEBOOK, SUBMITTABLE, Assignment, Item, Kind
from autograder.errors import first_few
from autograder.reports.safe_text import plural, worth
from autograder.student.submission_files import SubmissionFiles, document_names
from autograder.submission import Submission
from autograder.submission.entries import MAX_NOTEBOOK, MIB
from autograder.submission.model import SubmittedFile
from autograder.submission.stub_search import Writing, writing_of

LARGE = 20 * MIB
SHOWN = 8


def preflight(assignment: Assignment, submission: Submission, files: SubmissionFiles) -> list[str]:
    """Return one line for each thing to look at, the most expensive first."""
    return [
        *_unusable(assignment, submission),
        *_unwritten(assignment, submission),
        *_documents(assignment, files),
        *(line for name, file in submission.files.items() for line in _as_run(name, file)),
        *_large(files),
        *_noticed(submission),
    ]


def _unusable(assignment: Assignment, submission: Submission) -> Iterator[str]:
    for name in assignment.manifest.files.required:
        of_it = [item for item in assignment.manifest.items if item.file == name and item.is_auto]
        if name.endswith(SUBMITTABLE) and (why := submission.unavailable(name)):
            yield f"{why}{_price(of_it)}"


def _unwritten(assignment: Assignment, submission: Submission) -> Iterator[str]:
    items = [item for item in assignment.manifest.items if item.is_auto]
    for state in (Writing.MISSING, Writing.NOT_WRITTEN, Writing.PARTLY):
        there = [i for i in items if writing_of(i, submission) is state and not submission.unavailable(i.file)]
        if there:
            word = "without a definition" if state is Writing.MISSING else state.value
            yield f"{word}: {first_few([item.id for item in there], SHOWN)}{_price(there)}"


def _price(items: Sequence[Item]) -> str:
    total = sum(item.points for item in items)
    return f" ({plural(len(items), 'item')}, {worth(total)})" if items else ""


def _documents(assignment: Assignment, files: SubmissionFiles) -> Iterator[str]:
    by_people = sum(item.points for item in assignment.manifest.items if item.kind is Kind.MANUAL)
    for name in document_names(assignment):
        if name not in files.chosen.values():
            counts = f"; people give {worth(by_people)} for what is asked for in words" if by_people else ""
            yield f"{name} is not here{counts}: README.txt says how it is made"


def _as_run(name: str, file: SubmittedFile) -> Iterator[str]:
    """Say how a notebook was run: some courses want it run whole, and its figures are seen by people."""
    if file.executed is None or file.refused:
        return
    cells = file.executed.cells
    if missed := [str(cell.number) for cell in cells if cell.count is None]:
        which = "cell" if len(missed) == 1 else "cells"
        yield f"{name}: {len(missed)} of {plural(len(cells), 'code cell')} not run: {which} {first_few(missed, SHOWN)}"
    elif (counts := [cell.count or 0 for cell in cells]) != sorted(counts):
        yield f"{name}: its cells were not run from top to bottom; restart the kernel and run all"
    for cell in (cell for cell in cells if cell.errors):
        yield f"{name}: cell {cell.number} ended with {cell.errors[0]}"


def _large(files: SubmissionFiles) -> Iterator[str]:
    for path in files.chosen:
        size = (files.folder / path).stat().st_size
        if path.endswith(NOTEBOOK) and size > MAX_NOTEBOOK:
            yield f"{path}: {size // MIB} MB, more than Gradescope takes; clear the outputs that nobody needs"
        elif path.endswith(NOTEBOOK) and size > LARGE:
            yield f"{path}: {size // MIB} MB, mostly outputs; clear those that nobody needs"


def _noticed(submission: Submission) -> Iterator[str]:
    for notice in submission.notices:
        if not notice.minor or "pip install" in notice.text or "conda install" in notice.text:
            yield str(notice)
