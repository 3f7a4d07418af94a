"""Reading a submission: a folder, an archive or a single file becomes a `Submission`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from autograder.assignment import NOTEBOOK, SUBMITTABLE, Assignment
from autograder.errors import UnreadableSubmission, UserError
from autograder.source.lines import printable
from autograder.source.magics import read_python
from autograder.submission.archives import ARCHIVE_SUFFIXES, foreign_archive, is_archive, read_archive
from autograder.submission.banned import check_file, report_in_helper
from autograder.submission.entries import MAX_ARCHIVE, MAX_FILE, MIB, Budget, Entry, digest, readable_path
from autograder.submission.file_matching import Match, match_files, python_files
from autograder.submission.file_reading import read_source
from autograder.submission.folders import read_folder, read_regular_file
from autograder.submission.helpers import Taken, is_free, packages_of_roots, read_helpers, written_modules
from autograder.submission.model import Submission, SubmittedFile
from autograder.submission.notices import Notices, Topic
from autograder.submission.provided import provided_files, report_changed
from autograder.submission.statements import Parts, report_statements

MAX_ARCHIVES_DEEP = 2
"""Archives within archives that are opened, within one budget."""
_AS_TEXT = (".md", ".Rmd", ".qmd", ".myst")


def read_submission(path: Path, assignment: Assignment, *, in_archives: bool = True) -> Submission:
    """Return what was handed in at ``path``, a folder, a zip or tar file, or a single ``.py`` or ``.ipynb``.

    With ``in_archives``, what is missing is looked for in archives within it: in a student's own folder these are what
    was handed in before. Never runs anything of it, follows no link, and is bounded in time and memory. Whatever is odd
    gives a notice;
    `UserError` is raised only where nothing at all can be read.
    """
    notices = Notices()
    budget = Budget(notices)
    outer = _read_entries(path, budget, notices)
    if not outer:
        raise UnreadableSubmission(_nothing_read(path, notices))
    expected = _expected_sources(assignment)
    entries, matches = (
        _matched(outer, expected, budget, notices) if in_archives else (outer, match_files(outer, expected))
    )
    missing = _missing(entries, matches, assignment)
    ours = provided_files(assignment)
    _report_matches(entries, matches, missing, ours, notices)
    files, violations, said = _read_matched(matches, assignment, notices)
    report_statements(said, assignment.manifest.rules.statements, notices)
    returned = report_changed(entries, ours, notices)
    taken = Taken(
        paths=frozenset(match.entry.path for match in matches.values()),
        modules=frozenset(PurePosixPath(name).stem.casefold() for name in (*expected, *ours) if "/" not in name),
        files=frozenset((*returned, *ours)),
    )
    banned = assignment.manifest.rules.banned_imports
    helpers = read_helpers(entries, taken, banned, notices)
    for name, text in written_modules(files.values()).items():
        if is_free(name, taken, helpers):
            helpers[name] = text
            report_in_helper(name, read_python(text), banned, notices)
    helpers |= packages_of_roots(taken, {**{file.copy_name: file.source for file in files.values()}, **helpers})
    return Submission(
        files={name: files[name] for name in expected if name in files},
        missing=missing,
        instead={name: _instead(name, entries, notices) for name in missing},
        helpers=helpers,
        notices=notices.collapsed(),
        violations=violations,
        digest=digest(outer),
    )


def _expected_sources(assignment: Assignment) -> list[str]:
    files = assignment.manifest.files
    return [name for name in (*files.required, *files.optional) if PurePosixPath(name).suffix in SUBMITTABLE]


def _read_entries(path: Path, budget: Budget, notices: Notices) -> list[Entry]:
    shown = printable(path)
    if path.is_symlink():
        raise UnreadableSubmission(f"{shown}: is a link; give the path of the submission itself")
    if path.is_dir():
        return read_folder(path, budget, notices)
    try:
        entry = read_regular_file(path, readable_path(path.name), Budget(notices), limit=MAX_ARCHIVE)
    except FileNotFoundError:
        raise UnreadableSubmission(f"{shown}: there is no such file or folder") from None
    except (OSError, ValueError) as error:
        raise UnreadableSubmission(f"{shown}: {error.strerror if isinstance(error, OSError) else error}") from None
    if entry.data is None and not entry.problem:
        raise UnreadableSubmission(f"{shown}: is larger than {MAX_ARCHIVE // MIB} MB; hand in only your own files")
    if kind := foreign_archive(entry):
        raise UnreadableSubmission(f"{shown}: {kind} archives cannot be read; hand in a zip")
    if entry.data is not None and (is_archive(entry.data) or path.name.casefold().endswith(ARCHIVE_SUFFIXES)):
        return read_archive(entry.data, path.name, budget, notices)
    if entry.size > MAX_FILE and not entry.name.casefold().endswith(NOTEBOOK):
        return [replace(entry, data=None)]
    return [entry]


def _nothing_read(path: Path, notices: Notices) -> str:
    why = "; ".join(notices.texts(Topic.REFUSED)[:3]) or "it is empty"
    return f"{printable(path)}: there is nothing to grade in it: {why}"


def _matched(
    outer: list[Entry], expected: list[str], budget: Budget, notices: Notices
) -> tuple[list[Entry], dict[str, Match]]:
    """Match files; archives within the submission are opened, two levels deep, only where something is missing."""
    matches = match_files(outer, expected)
    if len(matches) == len(expected):
        return outer, matches
    entries = list(outer)
    waiting = [(entry, 0) for entry in sorted(outer, key=lambda entry: entry.path)]
    while waiting:
        entry, depth = waiting.pop(0)
        if kind := foreign_archive(entry):
            notices.add(Topic.FILES, f"{entry.path}: {kind} archives cannot be read; hand in a zip")
        elif entry.data is not None and entry.name.casefold().endswith(ARCHIVE_SUFFIXES):
            if depth >= MAX_ARCHIVES_DEEP:
                notices.add(Topic.FILES, f"{entry.path}: is an archive within archives: not opened; hand in one zip")
                continue
            try:
                inner = read_archive(entry.data, entry.path, budget, notices, nested=True)
            except UserError as error:
                notices.add(Topic.FILES, str(error))
                continue
            entries += inner
            waiting += [(each, depth + 1) for each in inner]
    return entries, match_files(entries, expected)


def _read_matched(
    matches: dict[str, Match], assignment: Assignment, notices: Notices
) -> tuple[dict[str, SubmittedFile], dict[str, str], list[Parts]]:
    """Read the files one after the other, so that only one syntax tree is in memory.

    Returns the violations, and all that the files say, as well.

    Of a file that no item is graded from, such as an executed notebook, no line is run, so none is remarked upon.
    """
    graded = {item.file for item in assignment.manifest.items if item.is_auto}
    files: dict[str, SubmittedFile] = {}
    violations: dict[str, str] = {}
    said: list[Parts] = []
    for name, match in sorted(matches.items()):
        wanted = assignment.manifest.names_wanted(name)
        read = read_source(name, match.entry, notices if name in graded else Notices(), wanted)
        files[name] = read.file
        violations |= check_file(read, assignment.manifest, notices)
        said.append(read.said)
    return files, violations, said


def _missing(entries: Sequence[Entry], matches: dict[str, Match], assignment: Assignment) -> tuple[str, ...]:
    """Return the required files that are not there; of those that are no code (a report), only the name counts."""
    names = {entry.name.casefold() for entry in entries}
    return tuple(
        name
        for name in assignment.manifest.files.required
        if name not in matches and (PurePosixPath(name).suffix in SUBMITTABLE or name.casefold() not in names)
    )


def _instead(name: str, entries: Sequence[Entry], notices: Notices) -> tuple[str, ...]:
    """Say what was found in place of a missing file: archives that were not opened, a notebook as Markdown."""
    archives = [text for text in notices.texts(Topic.FILES) if "archive" in text]
    stem = PurePosixPath(name).stem.casefold()
    texts = [e.path for e in entries if PurePosixPath(e.name.casefold()).stem == stem and e.name.endswith(_AS_TEXT)]
    found = [f"{printable(path)} is a notebook as text: hand in the {name} itself" for path in sorted(texts)]
    return (*archives[:2], *found[:1])


def _report_matches(
    entries: Sequence[Entry], matches: dict[str, Match], missing: Sequence[str], ours: Collection[str], notices: Notices
) -> None:
    own = [entry for entry in entries if "checks" not in entry.parents and entry.name not in ours]
    found = python_files(own)
    listed = ", ".join(printable(path, 40) for path in found[:5]) + (", …" if len(found) > 5 else "")
    for name in missing:
        instead = f"found {listed}" if found else "no Python file was found"
        notices.add(Topic.FILES, f"expected {name}: it is missing ({instead})")
    for match in matches.values():
        if match.text:
            notices.add(Topic.FILES, match.text)
