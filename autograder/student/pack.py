"""The command `pack`: the zip to hand in, what is in it and for which points, and what to look at before."""

from __future__ import annotations

import contextlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from autograder.assignment import Assignment, Kind
from autograder.errors import RUN_FAILED, UserError
from autograder.reports.safe_text import one_line, plural, worth
from autograder.student.own_folder import unpacked
from autograder.student.preflight import preflight
from autograder.student.submission_files import ZIP, LeftOut, SubmissionFiles, choose_files
from autograder.submission import Submission, read_submission
from autograder.submission.entries import MAX_ARCHIVE, MIB


def pack(folder: Path, out: Path | None) -> int:
    """Write the zip, say what is in it, and return the exit status.

    Raises `UserError` where there is nothing to hand in, or the zip cannot be written.
    """
    assignment = unpacked(folder)
    submission = read_submission(assignment.folder, assignment, in_archives=False)
    files = choose_files(assignment, submission)
    if not files.chosen:
        raise UserError(f"{folder}: none of the files to hand in is here: {', '.join(_asked_for(assignment))}")
    path = out or assignment.folder / ZIP.format(assignment.slug)
    _refuse_to_replace(path, files, assignment)
    _write(path, files)
    for line in _lines(assignment, submission, files, path):
        print(line)
    if wrong := differing(files, submission, read_submission(path, assignment)):
        print(f"autograder: {path}: read back, {wrong[0]} is not what is here; hand in the files", file=sys.stderr)
        return RUN_FAILED
    return 0


def _asked_for(assignment: Assignment) -> list[str]:
    return [*assignment.manifest.files.required, *assignment.manifest.files.optional]


def _write(path: Path, files: SubmissionFiles) -> None:
    """Write the zip beside its place, and move it there when it is whole."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for chosen in sorted(files.chosen):
                archive.write(files.folder / chosen, chosen)
        unfinished.replace(path)
    except OSError as error:
        if error.filename in (None, str(unfinished)):
            raise UserError(f"{path}: cannot be written: {error.strerror}; name another place with --out") from None
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _refuse_to_replace(path: Path, files: SubmissionFiles, assignment: Assignment) -> None:
    """Replace nothing but a zip, and none that holds the only copy of a file that counts."""
    if path.is_dir():
        raise UserError(f"{path}: this is a folder; name a file, such as submission.zip")
    if not path.exists():
        return
    try:
        with zipfile.ZipFile(path) as archive:
            packed = {PurePosixPath(name).name for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        raise UserError(f"{path}: this is a file, and no zip that would be replaced; name another") from None
    here = {PurePosixPath(name).name for name in files.chosen}
    if lost := sorted(packed - here & {PurePosixPath(name).name for name in _asked_for(assignment)}):
        raise UserError(f"{path}: holds {', '.join(lost)}, which is not here; unpack it, or move it away first")


def differing(files: SubmissionFiles, here: Submission, there: Submission) -> list[str]:
    """Return what grading would read otherwise from the zip than from the folder."""
    sources = {name: file.source for name, file in here.files.items() if name in files.chosen.values()}
    back = {name: file.source for name, file in there.files.items()}
    return [name for name in sorted({*sources, *back}) if sources.get(name) != back.get(name)]


def _lines(assignment: Assignment, submission: Submission, files: SubmissionFiles, path: Path) -> Iterator[str]:
    size = path.stat().st_size
    yield "In the zip:"
    width = max(map(len, files.chosen))
    for chosen, name in sorted(files.chosen.items(), key=lambda pair: (not pair[1], pair[0])):
        yield f"  {one_line(chosen):<{width}}  {_worth_of(assignment, name)}"
    if left_out := [one for one in files.left_out if not one.ours]:
        yield "\nLeft out:"
        yield from (f"  {one_line(one.path)}{_size(one)}: {one.reason}" for one in left_out)
    if ours := sum(one.ours for one in files.left_out):
        end = "" if left_out else "\nLeft out:\n"
        yield f"{end}  {plural(ours, 'thing')} that came with the assignment, or that a tool has made"
    lines = preflight(assignment, submission, files)
    if size > MAX_ARCHIVE:
        lines.insert(0, f"the zip has {size // MIB} MB, and Gradescope takes {MAX_ARCHIVE // MIB}")
    if lines:
        yield "\nLook at this before you hand in:"
        yield from (f"  - {one_line(line, 500)}" for line in lines)
    yield f"\nwritten: {path} ({max(1, size // 1024)} kB); hand it in as it is"


def _worth_of(assignment: Assignment, name: str) -> str:
    if not name:
        return "yours: the files above import or name it"
    items = [item for item in assignment.manifest.items if item.file == name and item.is_auto]
    if items:
        return f"{worth(sum(item.points for item in items))} in {plural(len(items), 'item')}, given by the grader"
    by_people = sum(item.points for item in assignment.manifest.items if item.kind is Kind.MANUAL)
    return f"for people, who give {worth(by_people)}" if by_people else "for people"


def _size(one: LeftOut) -> str:
    return f" ({one.size / MIB:.1f} MB)" if one.size >= MIB / 10 else ""
