"""Removing what a worker left: folders of any depth and mode, links but not what they point to."""

import ctypes
import os
import platform
import sys
from pathlib import Path

import pytest

from autograder.sandbox.trusted import cleanup
from autograder.sandbox.trusted.resource_monitor import Bounds, Watched


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
    cleanup.remove_tree(top)
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
    cleanup.remove_tree(top)
    assert not top.exists() and (kept / "file").exists()
    cleanup.remove_tree(top)  # what is not there does no harm


def test_what_a_worker_leaves_in_shared_folders_goes_with_its_user(monkeypatch, tmp_path):
    monkeypatch.setattr(cleanup, "SHARED_FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "file").touch()
    cleanup.remove_files_of(os.getuid() + 1)
    assert len(list(tmp_path.iterdir())) == 2
    cleanup.remove_files_of(os.getuid())
    assert list(tmp_path.iterdir()) == []


class Race:
    """Swaps every folder for a link at one step of a removal: what threads of a worker do by luck, for certain.

    Python reports each step before it is done (`sys.addaudithook`), so the removal waits for the swap.
    """

    STEPS = ("open", "os.listdir", "os.scandir", "os.chmod", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree")

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.top = None
        self.step, self.at = 0, None

    def __call__(self, event, arguments):
        if self.top is None or event not in self.STEPS:
            return
        self.step += 1
        if self.at in (None, self.step):
            top, self.top = self.top, None  # its own steps are none of the removal's
            self.swap(top)
            self.top = top

    def swap(self, top):
        for folder in (*FOLDERS, *(f"a/{name}" for name in FOLDERS)):
            paths = os.fsencode(top / folder), os.fsencode(top / f"{folder}-link")
            self.libc.syscall(RENAMEAT2, AT_FDCWD, paths[0], AT_FDCWD, paths[1], EXCHANGE)


RENAMEAT2, AT_FDCWD, EXCHANGE = 316, -100, 2
FOLDERS = ("a", "b", "c")
RACE = Race()


def make_racing_tree(top, victim):
    for folder in (*FOLDERS, *(f"a/{name}" for name in FOLDERS)):
        (top / folder / "inner").mkdir(parents=True)
        (top / folder / "keep").touch()
    for folder in (*FOLDERS, *(f"a/{name}" for name in FOLDERS)):
        (top / f"{folder}-link").symlink_to(victim)


def seen(folder):
    return sorted((str(path.relative_to(folder)), path.lstat().st_mode) for path in (folder, *folder.rglob("*")))


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="exchanges names by number"
)
@pytest.mark.parametrize("walk", ["remove", "remove files of a user", "watch"])
def test_no_step_follows_a_link_that_took_a_folder_s_place(monkeypatch, tmp_path, walk):
    victim = tmp_path / "victim"
    (victim / "keep-folder").mkdir(parents=True)
    (victim / "keep-folder" / "keep").touch()
    (victim / "keep").touch()
    for number in range(150):
        (victim / "keep-folder" / f"keep-{number}").touch()
    for folder in (victim, victim / "keep-folder"):
        folder.chmod(0o750)
    before = seen(victim)
    sys.addaudithook(RACE)
    steps = None
    for at in (None, *range(1, 400)):
        if steps is not None and at is not None and at > steps:
            break
        place = tmp_path / f"place-{at}"
        top = place / "top"
        top.mkdir(parents=True)
        make_racing_tree(top, victim)
        monkeypatch.setattr(cleanup, "SHARED_FOLDERS", (str(place),))
        RACE.top, RACE.step, RACE.at = top, 0, at
        try:
            if walk == "remove":
                cleanup.remove_tree(top)
            elif walk == "watch":
                blocks = Watched(os.getpid(), top, Bounds(2**40, 2**40, 10**6, 10**6), lambda reason: None)._files()
                assert sum(1 for _ in blocks) < 100
            else:
                cleanup.remove_files_of(os.getuid())
        finally:
            RACE.top, steps = None, max(steps or 0, RACE.step)
        assert seen(victim) == before, f"at step {at}"
        if walk != "watch" and at is not None:
            cleanup.remove_tree(top)  # what a swap had kept in its place goes when nobody swaps any more
            assert not top.exists()
    assert steps > 20
