"""The copy of a submission that workers may read."""

from __future__ import annotations

from pathlib import Path

from autograder.assignment import Assignment
from autograder.submission.model import Submission
from autograder.submission.provided import provided_files


def write_copy(submission: Submission, assignment: Assignment, folder: Path) -> None:
    """Write cleaned files (always as ``.py``), helpers and our provided files into a fresh folder.

    Files get mode 0644 and folders 0755 whatever the umask, so that another user can read them; nothing that is
    there already is overwritten (FileExistsError).
    """
    contents = {path: source.encode() for path, source in submission.helpers.items()}
    contents |= {file.copy_name: file.source.encode() for file in submission.files.values()}
    contents |= {name: path.read_bytes() for name, path in provided_files(assignment).items()}
    _make_folder(folder)
    for name, data in contents.items():
        _write(folder, Path(name), data)


def _write(folder: Path, name: Path, data: bytes) -> None:
    for parent in reversed(name.parents[:-1]):
        _make_folder(folder / parent)
    target = folder / name
    with target.open("xb") as stream:
        stream.write(data)
    target.chmod(0o644)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
