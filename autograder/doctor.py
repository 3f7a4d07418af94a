"""What ``autograder doctor`` looks at: libraries, and what a worker can do from inside."""

from __future__ import annotations

import importlib
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import torch

from autograder.sandbox.failure import SubmissionFault, WorkerLost
from autograder.sandbox.session import Deadlines, Session
from autograder.sandbox.zygote import Zygote, ZygoteLost

FORBIDDEN = ("fork", "run a program", "open a socket", "signal its parent")
PROBE = '''
"""Looks at a worker from inside."""
import os


def late_import():
    import colorsys  # a standard module that nothing has imported before
    return colorsys.__name__


def user():
    return os.getuid()


def can_open(path):
    try:
        with open(path, "rb") as file:
            file.read(1)
        return True
    except OSError:
        return False


def can_write_here():
    with open("file", "w") as file:
        file.write("x")
    return True


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def can(action):
    import signal, socket
    try:
        if action == "fork":
            pid = os.fork()
            if pid == 0:
                os._exit(0)
        elif action == "run a program":
            os.posix_spawn("/bin/true", ["true"], {})
        elif action == "open a socket":
            socket.socket().close()
        elif action == "signal its parent":
            os.kill(os.getppid(), 0)
        elif action == "start a thread":
            import threading
            thread = threading.Thread(target=print)
            thread.start()
            thread.join()
        return True
    except (OSError, RuntimeError):
        return False


def double(tensor):
    return tensor * 2
'''


def examine(*, strict: bool) -> int:
    """Print one line for everything that grading needs; return the exit status."""
    for name in ("torch", "torchvision", "numpy", "scipy", "pytest", "hypothesis"):
        importlib.import_module(name)
        print(f"ok    {name} {version(name)}")
    with tempfile.TemporaryDirectory(prefix="autograder-") as place:
        folder = Path(place)
        folder.chmod(0o711)
        try:
            lines = _from_inside(folder)
        except (ZygoteLost, SubmissionFault, WorkerLost) as error:
            print(f"FAIL  a worker cannot be started: {error}")
            return 1
    for held, text in lines:
        print(f"{'ok   ' if held else 'FAIL '} {text}")
    missing = sum(not held for held, _ in lines)
    if missing:
        print(f"{missing} of {len(lines)} protections are missing on this machine; reports will say so")
    return 1 if strict and missing else 0


def _from_inside(folder: Path) -> list[tuple[bool, str]]:
    secret, probe = folder / "secret", folder / "inside.py"
    probe.write_text(PROBE, encoding="utf-8")
    probe.chmod(0o644)
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o600)
    loader: dict[str, object] = {
        "folder": str(folder),
        "extra": [],
        "skip": [],
        "statement_seconds": None,
        "cuda_on_cpu": False,
    }
    with Zygote(folder, readable=["inside.py"], memory=2**31, cpu_seconds=20) as zygote:
        begun = time.monotonic()
        session = Session(zygote.fork_worker(), loader=loader, deadlines=Deadlines(10.0), load_seconds=10.0)
        milliseconds = (time.monotonic() - begun) * 1000
        inside = session.module("inside")
        session.begin(0)
        lines = [(wall.held, f"{wall.name}{': ' + wall.note if wall.note else ''}") for wall in zygote.walls]
        lines += [
            (True, f"a worker is ready after {milliseconds:.0f} ms"),
            (inside.late_import() == "colorsys", "a worker can import from the standard library"),
            (inside.can_write_here() is True, "a worker can write in its own folder"),
            (inside.can_open(str(secret)) is False, "a worker cannot read a private file of the grader"),
            *((inside.can(action) is False, f"a worker cannot {action}") for action in FORBIDDEN),
            (inside.can("start a thread") is True, "a worker can start a thread"),
            (inside.descriptors() <= 5, "a worker inherits no descriptors"),
            (torch.equal(inside.double(torch.ones(2)), torch.full((2,), 2.0)), "tensors come back as they are"),
        ]
        session.close()
    return lines
