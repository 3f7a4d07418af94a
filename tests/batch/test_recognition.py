"""What is a class and what is one submission, by names alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.batch.recognition import is_class
from tests.batch.classes import METADATA, ONE, TWO, metadata, one_notebook, two_files, zip_bytes, zipped
from tests.pace import MOST, growth
from tests.submission.toy import fill, notebook

STUDENTS = ("ada", "bob", "cy")
HW = zip_bytes({"hw/one.py": ONE, "hw/two.py": TWO})
CLASSES: dict[str, dict[str, str | bytes]] = {
    "an export": {METADATA: metadata("submission_1"), "submission_1/a.txt": "a"},
    "an export in a folder": {f"x/y/{METADATA}": metadata("submission_1"), "x/y/submission_1/one.py": ONE},
    "an online export": {"submission_metadata.csv": "a", "submission_1/a.txt": "a"},
    "folders": {f"{who}/one.py": ONE for who in STUDENTS},
    "folders in a folder": {f"class/{who}/one.py": ONE for who in STUDENTS},
    "folders with folders": {f"{who}/hw/two.py": TWO for who in STUDENTS},
    "archives": {f"{who}.zip": HW for who in STUDENTS},
    "files with names": {f"{who}_one.py": ONE for who in STUDENTS},
    "files that Canvas named": {f"{who}_LATE_1_{n}_one.py": ONE for n, who in enumerate(STUDENTS)},
    "a mixture": {"ada/one.py": ONE, "bob.zip": HW, "cy-two.py": TWO},
}
SUBMISSIONS: dict[str, dict[str, str | bytes]] = {
    "the files": {"one.py": ONE, "two.py": TWO},
    "in a folder": {"hw/one.py": ONE, "hw/two.py": TWO},
    "two versions": {"old/one.py": ONE, "new/one.py": ONE},
    "versions below": {"one.py": ONE, **{f"v{number}/one.py": ONE for number in range(5)}},
    "versions below, in a folder": {"hw/two.py": ONE, **{f"hw/v{number}/one.py": ONE for number in range(5)}},
    "data next to code": {"hw/one.py": ONE, "a.zip": zip_bytes({"x": "x"}), "b.zip": b"PK\x03\x04", "c.tar": b""},
    "other folders": {f"{name}/data.txt": "x" for name in "abcd"},
    "copies": {"one (1).py": ONE, "one (2).py": ONE, "one (3).py": ONE},
    "helpers": {"a.py": ONE, "b.py": ONE, "c.py": ONE, "d.py": ONE},
    "a list next to code": {METADATA: metadata("submission_1"), "one.py": ONE, "x/one.py": ONE},
    "an environment": {f"venv/{name}/one.py": ONE for name in "abc"},
    "nothing": {},
}


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.parametrize("name", [*CLASSES, *SUBMISSIONS])
def test_a_class_and_a_submission_are_told_apart(tmp_path: Path, name: str, kind: str) -> None:
    files = {**CLASSES, **SUBMISSIONS}[name]
    path = zipped(tmp_path / "c.zip", files) if kind == "zip" else fill(tmp_path / "c", files)
    assert is_class(path, two_files(tmp_path)) == (name in CLASSES)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("ada.ipynb", "bob.ipynb", "cy.ipynb"), True),
        (("ada_hw.ipynb", "bob_hw.ipynb", "cy_hw.ipynb"), True),
        (("hw.ipynb", "bob.ipynb", "cy.ipynb"), False),
        (("hw (1).ipynb", "bob.ipynb", "cy.ipynb"), False),
        (("ada.ipynb", "bob.ipynb", "helper.py"), False),
    ],
)
def test_notebooks_of_several_are_a_class(tmp_path: Path, names: tuple[str, ...], expected: bool) -> None:
    folder = fill(tmp_path / "c", {name: notebook("x = 1") for name in names})
    assert is_class(folder, one_notebook(tmp_path)) is expected


def test_a_csv_is_a_class_and_no_other_file_is(tmp_path: Path) -> None:
    assignment = two_files(tmp_path)
    fill(tmp_path / "c", {"a.csv": "path\n", "one.py": ONE, "b.tar": b"", "d.zip": b"PK\x03\x04 damaged"})
    found = [path.name for path in sorted((tmp_path / "c").iterdir()) if is_class(path, assignment)]
    assert found == ["a.csv"]
    assert not is_class(tmp_path / "nothing", assignment)


def test_whatever_is_odd_is_left_to_who_reads_it(tmp_path: Path) -> None:
    assignment = two_files(tmp_path)
    os.mkfifo(tmp_path / "fifo.zip")
    (tmp_path / "loop.zip").symlink_to("loop.zip")
    zipped(tmp_path / "evil.zip", {"../../a/one.py": ONE, "/b/one.py": ONE, "c/one.py": ONE})
    assert not any(is_class(tmp_path / name, assignment) for name in ("fifo.zip", "loop.zip", "evil.zip"))


def test_links_to_submissions_do_not_count(tmp_path: Path) -> None:
    folder = fill(tmp_path / "c", {"ada/one.py": ONE, "bob/one.py": ONE})
    (folder / "cy").symlink_to(folder / "bob")
    assert not is_class(folder, two_files(tmp_path))


def test_eight_times_the_files_take_about_eight_times_as_long(tmp_path: Path) -> None:
    assignment = two_files(tmp_path)
    paths = {n: zipped(tmp_path / f"{n}.zip", {f"{i}/{i}.txt": "" for i in range(n)}) for n in (1_000, 8_000)}
    assert growth(lambda size: is_class(paths[size], assignment), 1_000) < MOST
