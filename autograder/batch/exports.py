"""The submissions of a class: an export of Gradescope, a folder or zip of submissions, or a list of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from autograder.assignment import Assignment
from autograder.batch.class_lists import read_csv
from autograder.batch.contents import Contents, contents_of
from autograder.batch.export_metadata import ExportedSubmission, read_export_metadata
from autograder.batch.keys import unique_keys
from autograder.batch.listing import ListedSubmission
from autograder.batch.recognition import (
    CSV,
    EXPORTED,
    EXPORTED_ONLINE,
    Part,
    base_of,
    has_expected,
    joined,
    parts_of,
)
from autograder.errors import UnreadableSubmission, UserError
from autograder.source.lines import printable
from autograder.submission.archives import BROKEN
from autograder.submission.entries import MAX_ARCHIVE
from autograder.submission.notices import Notices, Topic
from autograder.submission.unpacking import copy_files, opened_zip, safe_members, unpack

__all__ = ["NO_FOLDER", "opened", "read_class"]

NO_FOLDER = "there is no such folder"
"""What the problem says of a submission that an export names and that is not there."""

_HOW = f"name an export of Gradescope, a folder or zip of submissions, or a {CSV} with a column path"


def read_class(path: Path, assignment: Assignment) -> list[ListedSubmission]:
    """Return the submissions of a class, sorted by key; nothing is unpacked, and nothing of them is run.

    ``path`` is Gradescope's export, zip or folder; a folder, or a zip of one, with folders, archives and single files
    in any mixture, each of which is a submission; or a CSV (`read_csv`). Every folder, archive and file of code is
    listed, and so is every submission that an export or CSV names and that is not there, with its ``problem``. Raises
    `UserError` for what is not a class.
    """
    shown = printable(path)
    if path.name.casefold() == EXPORTED_ONLINE:
        raise _online(shown)
    if path.suffix.casefold() == CSV and path.is_file():
        return read_csv(path)
    if not path.exists():
        raise UserError(f"{shown}: there is no such file or folder; {_HOW}")
    with contents_of(path) as contents:
        if contents is None:
            raise UserError(f"{shown}: is not a class; {_HOW}")
        base = base_of(contents, assignment)
        files = contents.level(base).files
        if EXPORTED in files:
            said = _metadata(contents, joined(base, EXPORTED), f"{shown}: {EXPORTED}")
        elif EXPORTED_ONLINE in files:
            raise _online(shown)
        elif has_expected(contents, base, assignment):
            raise UserError(
                f"{shown}: is one submission, not a class: an expected file is at its top;"
                f" grade it with `autograder grade {assignment.slug} {shown}`"
            )
        else:
            said = {}
        listed = _listed(path, contents, base, parts_of(contents.level(base), assignment), said)
    if not listed:
        raise UserError(f"{shown}: there are no submissions in it; {_HOW}")
    return listed


def _online(shown: str) -> UserError:
    return UserError(
        f"{shown}: is of an online assignment ({EXPORTED_ONLINE}), whose answers were typed in and are not code;"
        " export the submissions of a programming assignment"
    )


def _metadata(contents: Contents, file: str, shown: str) -> dict[str, ExportedSubmission]:
    try:
        with contents.opened(file) as (stream, _):
            return read_export_metadata(stream, shown)
    except BROKEN as error:
        raise UserError(f"{shown}: cannot be read ({printable(error)}); export the submissions again") from None


def _listed(
    path: Path, contents: Contents, base: str, parts: list[Part], said: dict[str, ExportedSubmission]
) -> list[ListedSubmission]:
    """Return the submissions that are there, with what the export says about them, and those that are not there."""
    named = {part.name: part for part in parts if not part.files}
    shortened = {part.names[0]: part for part in parts}
    by_part: dict[Part, str] = {}
    for key in sorted(said, key=lambda key: (key not in named, key)):
        if part := named.get(key) or shortened.get(key):
            by_part.setdefault(part, key)
    gone = sorted(set(said) - set(by_part.values()))
    keys = unique_keys([*(part.names for part in parts), *((key,) for key in gone)])
    listed = [
        _of_part(key, part, contents, base, said.get(by_part.get(part, ""), ExportedSubmission()))
        for key, part in zip(keys, parts, strict=False)
    ]
    for key, name in zip(keys[len(parts) :], gone, strict=True):
        problem = f"{EXPORTED} names {printable(name, 40)}, and {NO_FOLDER} in {printable(path)}"
        listed.append(_with(ListedSubmission(key, path, problem=problem), said[name]))
    return sorted(listed, key=lambda one: one.key)


def _of_part(key: str, part: Part, contents: Contents, base: str, said: ExportedSubmission) -> ListedSubmission:
    source, inside = contents.place(base if part.files else joined(base, part.name))
    files = tuple(sorted((owned.found, owned.name) for owned in part.files))
    problem = "is a link, which is not followed; put what it leads to in its place" if part.is_link else ""
    return _with(ListedSubmission(key, source, inside, problem=problem, files=files), said)


def _with(listed: ListedSubmission, said: ExportedSubmission) -> ListedSubmission:
    return replace(listed, submitters=said.submitters, created_at=said.created_at, platform_score=said.score)


@contextmanager
def opened(listed: ListedSubmission, workdir: Path) -> Iterator[Path]:
    """Give what `read_submission` reads: the source itself, or a copy below ``workdir``, which is gone afterwards.

    A copy holds what is the submission's and nothing of others: regular files only, all within a folder that is its
    own, no more of them than are read. Raises `UnreadableSubmission` where nothing is left of it, and `UserError` where
    there never was anything to open.
    """
    if listed.problem:
        raise UserError(f"{listed.key}: {listed.problem}")
    if not (listed.inside or listed.files):
        yield listed.source
        return
    notices = Notices()
    with tempfile.TemporaryDirectory(prefix="submission-", dir=workdir) as folder:
        copy = _copied(listed, Path(folder), notices)
        if not copy.is_file() and not (copy.is_dir() and any(copy.iterdir())):
            why = "; ".join(notices.texts(Topic.REFUSED)[:3]) or "it is empty"
            raise UnreadableSubmission(f"{listed.key}: there is nothing to grade in it: {why}")
        yield copy


def _copied(listed: ListedSubmission, folder: Path, notices: Notices) -> Path:
    """Return the copy: a file or a folder in ``folder``, which is not there where nothing could be copied."""
    copy = folder / (PurePosixPath(listed.inside).name if not listed.files else "files")
    if listed.source.is_dir():
        copy_files(listed.source, [(name, found) for found, name in listed.files], copy, notices)
        return copy
    above = f"{listed.inside}/" if listed.inside else ""
    with opened_zip(listed.source) as archive:
        members = list(safe_members(archive))
        below = [(one.path.removeprefix(above), one) for one in members if one.path.startswith(above)]
        if listed.files:
            called = dict(listed.files)
            unpack(archive, [(called[path], one) for path, one in below if path in called], copy, notices)
        elif below:
            unpack(archive, below, copy, notices)
        else:
            alone = [(copy.name, one) for one in members if one.path == listed.inside]
            unpack(archive, alone, folder, notices, limit=MAX_ARCHIVE)
    return copy
