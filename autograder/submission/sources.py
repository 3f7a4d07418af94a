"""From the bytes of one file to the Python source that grading uses."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from autograder.submission.commands import without_commands
from autograder.submission.decoding import Remark, decode
from autograder.submission.entries import Entry
from autograder.submission.model import SubmittedFile
from autograder.submission.notebooks import code_cells, join_cells, looks_like_notebook
from autograder.submission.notices import MAX_PER_FILE, Notices, Topic, printable
from autograder.submission.parsing import MAX_SOURCE, SyntaxProblem, parse


@dataclass(frozen=True)
class ReadSource:
    """A submitted file with its syntax tree; ``tree`` is None exactly where the file has a syntax error."""

    file: SubmittedFile
    tree: ast.Module | None


def read_source(name: str, entry: Entry, notices: Notices) -> ReadSource:
    """Return the source of an expected file; what was mended, ignored or cannot be parsed is said in ``notices``."""
    file = SubmittedFile(name=name, found=printable(entry.path), source="")
    if entry.data is None:
        return _unreadable(file, f"is too large to be read ({entry.size / 1e6:.0f} MB)", notices)
    text, remarks = decode(entry.data)
    _add(notices, Topic.ENCODING, file, remarks)
    if not text.strip():
        notices.add(Topic.FILES, file.notice("is empty"))
        return ReadSource(file, ast.Module([], []))
    if looks_like_notebook(text):
        return _read_notebook(file, text, notices)
    if len(text) > MAX_SOURCE:
        return _unreadable(file, f"is longer than {MAX_SOURCE // 2**20} MB: not read", notices)
    return _read_python(file, text, notices)


def _read_python(file: SubmittedFile, text: str, notices: Notices) -> ReadSource:
    source, tree, commands = without_commands(text)
    file = replace(file, source=source)
    _add(notices, Topic.COMMANDS, file, commands)
    if not isinstance(tree, SyntaxProblem):
        return ReadSource(file, tree)
    problem = f"line {tree.line}: {tree.text}" if tree.line is not None else tree.text
    notices.add(Topic.SYNTAX, file.notice(tree.text, tree.line))
    return ReadSource(replace(file, syntax_error=problem), None)


def _read_notebook(file: SubmittedFile, text: str, notices: Notices) -> ReadSource:
    try:
        sources = code_cells(text)
    except ValueError as error:
        return _unreadable(file, f"is not a valid notebook: {printable(error)}", notices)
    if sum(map(len, sources)) > MAX_SOURCE:
        return _unreadable(file, f"has more than {MAX_SOURCE // 2**20} MB of code: not read", notices)
    source, cells, remarks, problems = join_cells(sources)
    file = replace(file, source=source, cells=cells)
    if not cells:
        notices.add(Topic.FILES, file.notice("has no code cells"))
    _add(notices, Topic.COMMANDS, file, remarks)
    _add(notices, Topic.SYNTAX, file, problems)
    tree = parse(source)
    if isinstance(tree, SyntaxProblem):
        return _unreadable(file, tree.text, notices)
    return ReadSource(file, tree)


def _unreadable(file: SubmittedFile, why: str, notices: Notices) -> ReadSource:
    notices.add(Topic.SYNTAX, file.notice(why))
    return ReadSource(replace(file, syntax_error=why), None)


def _add(notices: Notices, topic: Topic, file: SubmittedFile, remarks: list[Remark]) -> None:
    for remark in remarks[:MAX_PER_FILE]:
        notices.add(topic, file.notice(remark.text, remark.line))
    notices.leave_out(topic, file.found, len(remarks) - MAX_PER_FILE)
