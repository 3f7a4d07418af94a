"""The wall around files: what workers read is the installation, their submission and their folder; as any user."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder.sandbox.trusted import jail, landlock

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
import os

def can_read(path):
    try:
        if os.path.isdir(path): return os.listdir(path) is not None
        with open(path, "rb") as file: return file.read(1) is not None
    except OSError: return False

def can_write(path):
    try:
        with open(path, "wb"): return True
    except OSError: return False

def can_rename(a, b):
    try: os.rename(a, b); return True
    except OSError: return False

def can_link(a, b):
    try: os.link(a, b); return True
    except OSError: return False

def can_run(path):
    return os.access(path, os.X_OK) and os.system(path) == 0
"""
PRIVATE = [
    ROOT, ROOT / "solutions", ROOT / "assignments", ROOT / "autograder/grading/grade.py", ROOT / "pyproject.toml",
    Path.home(), "/root", "/home", "/autograder/results", "/etc/shadow", "/etc/hostname", "/proc/1/cmdline", "/tmp",
    "/dev/shm", "/sys/class/net", "/var/log", "/run",
]  # fmt: skip
NEEDED = ["/proc/cpuinfo", "/proc/self/status", "/etc/passwd", "/dev/urandom", "/sys/devices/system/cpu", os.__file__]


@pytest.fixture
def s(start, zygote):
    session = start("worker", SOURCE)
    if not any(wall.name == "landlock" and wall.held for wall in zygote.walls):
        pytest.skip("this machine has no Landlock")
    return session.module("s")


@pytest.mark.parametrize("path", PRIVATE, ids=str)
def test_a_worker_cannot_read(s, path):
    assert s.can_read(str(path)) is False


@pytest.mark.parametrize("path", NEEDED)
def test_a_worker_can_read(s, path):
    assert s.can_read(path) is True


def test_a_worker_writes_in_its_folder_only(s, zygote):
    assert s.can_write("here") is True
    for path in ("/tmp/planted", "/dev/shm/planted", "/var/tmp/planted", str(zygote.home / "planted"), os.__file__):
        assert s.can_write(path) is False


def test_a_worker_cannot_move_or_link_files_out_or_in(s, zygote):
    secret = zygote.home / "secret"
    secret.write_text("x", encoding="utf-8")
    s.can_write("here")
    assert s.can_rename("here", "/tmp/moved") is False
    assert s.can_link(str(secret), "linked") is False
    assert s.can_rename(str(secret), "moved") is False
    secret.unlink()


RESTRICT = """
import ctypes, os, sys
from pathlib import Path
from autograder.sandbox.trusted import jail, landlock
settings = jail.JailSettings(None, sys.argv[1], (), 2**30, 10)
if "drop" in sys.argv: jail._drop_capabilities(settings)
jail._no_new_privileges(settings)
jail._give_up_paths(settings)
import colorsys
try:
    os.listdir(sys.argv[2])
    print("open")
except PermissionError:
    print("closed")
Path(sys.argv[1], "file").write_text("x")
"""


@pytest.mark.parametrize("who", ["root", "root without capabilities", "an ordinary user"])
def test_it_holds_for(who):
    if not sys.platform.startswith("linux"):
        pytest.skip("only on Linux")
    if os.getuid() != 0 and who != "an ordinary user":
        pytest.skip("needs root")
    if who == "an ordinary user" and not jail.interpreter_is_readable_by_others():
        pytest.skip("this Python lies where an ordinary user cannot read it")
    try:
        landlock.version()
    except OSError:
        pytest.skip("this machine has no Landlock")
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 and "ordinary" in who else {}
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as other:
        for folder in (scratch, other):
            Path(folder).chmod(0o777)
        arguments = [scratch, other, *(["drop"] if "without" in who else [])]
        done = subprocess.run(
            [sys.executable, "-c", RESTRICT, *arguments],
            capture_output=True,
            text=True,
            cwd="/",
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
            **user,
        )
        assert (done.stdout, done.stderr) == ("closed\n", "")
        assert (Path(scratch) / "file").read_text() == "x"
