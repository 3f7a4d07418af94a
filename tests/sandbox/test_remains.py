"""Removing what a worker left: folders of any depth and mode, links but not what they point to."""

import os
from pathlib import Path

from autograder.sandbox import remains


def test_folders_of_any_depth_are_removed(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    before = os.open(".", os.O_RDONLY)
    os.chdir(top)
    for _ in range(3000):
        Path("d").mkdir()
        os.chdir("d")
        Path("file").touch()
    os.fchdir(before)
    os.close(before)
    remains.remove_tree(top)
    assert not top.exists()


def test_modes_do_not_matter_and_links_are_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    top = tmp_path / "top"
    inner = top / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    (inner / "link").symlink_to(kept)
    (top / "link").symlink_to(kept)
    os.mkfifo(top / "pipe")
    for folder in (inner, inner.parent, top):
        folder.chmod(0)
    remains.remove_tree(top)
    assert not top.exists() and (kept / "file").exists()
    remains.remove_tree(top)  # what is not there does no harm


def test_what_a_worker_leaves_in_shared_folders_goes_with_its_user(monkeypatch, tmp_path):
    monkeypatch.setattr(remains, "SHARED_FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "file").touch()
    remains.remove_files_of(os.getuid() + 1)
    assert len(list(tmp_path.iterdir())) == 2
    remains.remove_files_of(os.getuid())
    assert list(tmp_path.iterdir()) == []
