"""From the bytes of one file to the Python source that grading uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from autograder.errors import first_few
from autograder.results import Notice
from autograder.source.cells import (
    SavedCell,
    TooLong,
    code_cells,
    join_cells,
    looks_like_notebook,
    other_language,
    parse_notebook,
    saved_cells,
    written_modules,
)
from autograder.source.decoding import Remark, decode
from autograder.source.lines import printable
from autograder.source.magics import read_python
from autograder.source.parsing import MAX_SOURCE
from autograder.submission.definitions import Reason, definitions
from autograder.submission.entries import Entry
from autograder.submission.executed import read_executed
from autograder.submission.model import SubmittedFile
from autograder.submission.notices import MAX_PER_FILE, Notices, Topic
from autograder.submission.statements import Parts
from autograder.submission.unbound import unbound_names

MAX_PLACES = 6
"""So many left out statements are named for each reason."""


@dataclass(frozen=True)
class ReadSource:
    """A submitted file with its syntax tree; ``tree`` is None exactly where the file has a syntax error."""

    file: SubmittedFile
    tree: ast.Module | None
    said: Parts = tuple


def read_source(name: str, entry: Entry, notices: Notices, wanted: Collection[str] = ()) -> ReadSource:
    """Return the source of an expected file; what was fixed, ignored or cannot be parsed is said in ``notices``.

    Of a notebook, and of a script in place of one, only the definitions are kept; ``wanted`` are names that grading
    needs of it.
    """
    file = SubmittedFile(name=name, found=printable(entry.path), source="")
    if entry.data is None:
        return _unreadable(file, entry.problem or f"is too large to be read ({entry.size / 1e6:.0f} MB)", notices)
    text, remarks = decode(entry.data)
    _add(notices, Topic.ENCODING, file, remarks)
    if not text.strip():
        notices.add(Topic.FILES, file.notice("is empty"))
        return ReadSource(file, ast.Module([], []))
    if looks_like_notebook(text):
        return _read_notebook(file, text, notices, wanted)
    if why := _foreign(text, entry.name):
        return _unreadable(file, why, notices, text.splitlines)
    if len(text) > MAX_SOURCE:
        return _unreadable(file, f"is longer than {MAX_SOURCE // 2**20} MB: not read", notices, text.splitlines)
    read = _read_python(file, text, notices)
    return replace(_without_runs(read, notices, wanted) if name.endswith(".ipynb") else read, said=text.splitlines)


def _foreign(text: str, name: str) -> str:
    """Say what a file is that is no Python source whatever its name; "" where it may be one."""
    if re.match(r"\s*<(?:!doctype|html)\b", text, re.IGNORECASE):
        return "is an HTML page, not what was to be handed in: download the file itself, not the page that shows it"
    if name.casefold().endswith(".ipynb") and text.lstrip()[:1] in "{[":
        try:
            parse_notebook(text)
        except ValueError as error:
            return f"is not a valid notebook: {printable(error, 200)}"
    return ""


def _read_python(file: SubmittedFile, text: str, notices: Notices) -> ReadSource:
    parsed = read_python(text)
    file = replace(file, source=parsed.text)
    _add(notices, Topic.COMMANDS, file, parsed.remarks)
    for problem, line in parsed.problems:
        notices.add(Topic.SYNTAX, file.notice(problem, line))
        file = replace(file, syntax_error=f"line {line}: {problem}" if line is not None else problem)
    return ReadSource(file, parsed.tree)


def _read_notebook(file: SubmittedFile, text: str, notices: Notices, wanted: Collection[str]) -> ReadSource:
    saved: list[SavedCell] = []

    def said() -> list[str]:
        return [cell.source for cell in saved]

    try:
        notebook = parse_notebook(text)
        saved, language = saved_cells(notebook), other_language(notebook)
        del notebook  # it may take 24 times the memory of its text, and syntax trees will take some, too
        code = code_cells(saved, wanted)
    except TooLong as error:
        return _unreadable(file, str(error), notices, said)
    except ValueError as error:
        return _unreadable(file, f"is not a valid notebook: {printable(error, 200)}", notices, said)
    parsed = join_cells(code)
    if parsed.problems and language:
        return _unreadable(file, f"is written in {printable(language, 30)}: only Python is graded", notices, said)
    executed, written = read_executed(code), written_modules(code)
    file = replace(file, source=parsed.text, cells=parsed.cells, executed=executed, written=written)
    if not code:
        notices.add(Topic.FILES, file.notice("has no code cells"))
    _add(notices, Topic.COMMANDS, file, parsed.remarks)
    _add(notices, Topic.SYNTAX, file, parsed.problems)
    return _without_runs(ReadSource(file, parsed.tree, said), notices, wanted)


def _without_runs(read: ReadSource, notices: Notices, wanted: Collection[str]) -> ReadSource:
    """Keep what defines something; say what was left out, and which names a run from top to bottom would not find."""
    if read.tree is None:
        return read
    file = read.file
    found = definitions(file.source, read.tree, wanted)
    for reason in Reason:
        if lines := [one.line for one in found.left_out if one.reason is reason]:
            shown = first_few([file.where(line) for line in lines], MAX_PLACES)
            notices.add(Topic.LEFT_OUT, Notice(text=f"not run here, since {reason.value}: {shown}", file=file.found))
    for unbound in unbound_names(read.tree, found.tree):
        what = "no cell defines it" if unbound.later is None else f"only {file.where(unbound.later)} defines it"
        text = f"`{unbound.name}` is used, but {what}: in a fresh run from top to bottom it does not exist"
        notices.add(Topic.NAMES, file.notice(text, unbound.line or None))
    return replace(read, file=replace(file, source=found.source), tree=found.tree)


def _unreadable(file: SubmittedFile, why: str, notices: Notices, said: Parts = tuple) -> ReadSource:
    notices.add(Topic.SYNTAX, file.notice(why))
    return ReadSource(replace(file, syntax_error=why, refused=True), None, said)


def _add(notices: Notices, topic: Topic, file: SubmittedFile, remarks: Sequence[Remark]) -> None:
    for remark in remarks[:MAX_PER_FILE]:
        notices.add(topic, file.notice(remark.text, remark.line))
    notices.leave_out(topic, file.found, len(remarks) - MAX_PER_FILE)
