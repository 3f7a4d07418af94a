from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from autograder.errors import UserError
from autograder.release.files import read_tree
from autograder.release.packing import build_wheel, unzip_bytes, zip_bytes
from tests.release.course import Course


def test_zips_are_sorted_dated_alike_and_keep_the_run_bit() -> None:
    tree = {"b/run": b"#!/bin/sh\n", "a": b"1"}
    data = zip_bytes(tree, executable=["b/run"])
    assert data == zip_bytes(dict(reversed(tree.items())), executable=["b/run"])
    infos = zipfile.ZipFile(io.BytesIO(data)).infolist()
    assert [info.filename for info in infos] == ["a", "b/run"]
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert [oct(info.external_attr >> 16) for info in infos] == ["0o100644", "0o100755"]
    assert unzip_bytes(data) == tree


def test_the_wheel_does_not_depend_on_clock_modes_or_junk(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    name, data = build_wheel(course.root)
    source = course.root / "autograder" / "__init__.py"
    os.utime(source, (1, 1))
    source.chmod(0o600)
    for junk in (".DS_Store", "old.py~", "__pycache__/x.cpython-311.pyc", ".ipynb_checkpoints/a.py", "#a.py#"):
        course.write(f"autograder/{junk}", "secret")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build_wheel(course.root) == (name, data)
    assert name.endswith("-py3-none-any.whl")
    wheel = unzip_bytes(data)
    assert "autograder/__init__.py" in wheel
    assert all(part.startswith(("autograder/", "autograder-")) for part in wheel)
    assert "RECORD" in list(wheel)[-1]


def test_junk_is_no_part_of_a_folder_and_links_are_refused(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.txt", ".git/x", "__pycache__/a.pyc", "a.py~", "b/.ipynb_checkpoints/c", "x.swp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert list(read_tree(tmp_path, prefix="p/")) == ["p/a.py", "p/b/c.txt"]
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(UserError, match="link: a symbolic link cannot be released"):
        read_tree(tmp_path)


def test_a_name_with_a_slash_at_its_end_is_a_folder() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_bytes({"a/": b"", "a/b": b"x"}))) as archive:
        folder, file = archive.infolist()
    assert folder.is_dir() and folder.external_attr >> 16 == 0o040755
    assert not file.is_dir() and file.external_attr >> 16 == 0o100644
