"""Two workers that are alive at once, of one submission or of two, cannot tell each other anything by way of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.checks import fetch
from autograder.sandbox.out_of_process import start_zygote
from autograder.sandbox.trusted.session import Session

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forks")

TALKER = """
import ctypes, fcntl, os, struct

FILE = os.open(__file__, os.O_RDONLY)
FOLDER = os.open(os.path.dirname(__file__), os.O_RDONLY)
LIBC = ctypes.CDLL(None, use_errno=True)
UNLOCKED = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)

def tried(work):
    try:
        return work()
    except OSError as error:
        return f"refused: {error.errno}"

def lock_all():
    fcntl.flock(FILE, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.lockf(FILE, fcntl.LOCK_SH | fcntl.LOCK_NB)
    fcntl.fcntl(FILE, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))
    return True

def is_locked():
    def whole():
        fcntl.flock(FILE, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    by_flock = tried(whole)
    found = [struct.unpack("hhqqi4x", fcntl.fcntl(FILE, command, UNLOCKED))[0] for command in (fcntl.F_GETLK, 36)]
    return [by_flock, *(kind != fcntl.F_UNLCK for kind in found)]

def watch():
    inotify = LIBC.inotify_init1(0o4000)
    watching = LIBC.inotify_add_watch(inotify, os.path.abspath(__file__).encode(), 0xFFF)
    return [inotify, watching, tried(lambda: fcntl.fcntl(FOLDER, 1026, 1)), tried(lambda: fcntl.fcntl(FILE, 1024, 0))]

def count(text):
    import sqlite3
    with sqlite3.connect(os.path.join(os.environ["HOME"], "mine.db")) as base:
        base.execute("create table words (word)")
        base.executemany("insert into words values (?)", [(word,) for word in text.split()])
    return base.execute("select count(*) from words").fetchone()[0]
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Any]]:
    """The module of one submission in two workers that are alive at once."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o755)
    (copy / "s.py").write_text(TALKER, encoding="utf-8")
    loader = {"folder": str(copy), "extra": [], "skip": [], "statement_seconds": 5.0, "devices_on_cpu": False}
    with start_zygote(tmp_path, readable=["copy"], memory=2**30, cpu_seconds=60) as zygote:
        sessions = [Session(zygote.fork_worker(), loader=loader) for _ in range(2)]
        if not any(wall.name == "seccomp" and wall.held for wall in zygote.walls):
            pytest.skip("no seccomp on this machine")
        for session in sessions:
            session.begin(1)
        yield [session.module("s") for session in sessions]
        for session in sessions:
            session.close()


def test_a_lock_on_a_file_that_both_read_says_nothing(pair: list[Any]) -> None:
    one, other = pair
    assert one.lock_all()  # it seems to work
    assert fetch(other.is_locked()) == [False, False, False]


def test_nobody_is_told_what_another_does_with_a_file(pair: list[Any]) -> None:
    assert fetch(pair[1].watch()) == [-1, -1, "refused: 1", "refused: 1"]


def test_honest_code_keeps_a_data_base_of_its_own(pair: list[Any]) -> None:
    assert [fetch(one.count("a few words of its own")) for one in pair] == [6, 6]
