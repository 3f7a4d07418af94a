"""Classes in folders and zips, as platforms and staff have them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from autograder.assignment import Assignment
from autograder.batch.exports import opened, read_class
from autograder.batch.listing import ListedSubmission
from autograder.submission import Submission, read_submission
from tests.submission.toy import make_assignment

ONE = "def double(x):\n    return x * 2\n"
TWO = "def shift(x):\n    return x + 1\n"
METADATA = "submission_metadata.yml"


def two_files(tmp_path: Path) -> Assignment:
    """Return an assignment of two files, one.py and two.py."""
    return make_assignment(tmp_path, required=("one.py", "two.py"), blanks={"one": ["double"]})


def one_notebook(tmp_path: Path) -> Assignment:
    """Return an assignment of one notebook, hw.ipynb."""
    return make_assignment(tmp_path, required=("hw.ipynb",))


def metadata(*entries: str) -> str:
    """Return Gradescope's list of submissions, each the name of a folder, as Ruby writes it."""
    return "---\n" + "".join(
        f"""{json.dumps(entry, ensure_ascii=False)}:
  :submitters:
  - :name: {json.dumps("Student of " + entry, ensure_ascii=False)}
    :sid: '0{number}'
    :email: s{number}@x.edu
  :created_at: 2023-12-02 02:52:0{number % 10}.938335000 Z
  :score: {number}.5
  :status: processed
  :results:
  :history: []
"""
        for number, entry in enumerate(entries)
    )


def zip_bytes(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip; a name that ends with a slash is a folder's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a zip."""
    path.write_bytes(zip_bytes(files))
    return path


def keys(path: Path, assignment: Assignment) -> list[str]:
    """Return the keys of a class."""
    return [one.key for one in read_class(path, assignment)]


def by_key(path: Path, assignment: Assignment) -> dict[str, ListedSubmission]:
    """Return the submissions of a class by key."""
    return {one.key: one for one in read_class(path, assignment)}


def read(listed: ListedSubmission, assignment: Assignment, workdir: Path) -> Submission:
    """Read a listed submission as grading does."""
    with opened(listed, workdir) as path:
        return read_submission(path, assignment)


@contextmanager
def nothing_left(workdir: Path) -> Iterator[Path]:
    """Make a folder for copies, and see that none is left."""
    workdir.mkdir(exist_ok=True)
    yield workdir
    assert list(workdir.iterdir()) == []
