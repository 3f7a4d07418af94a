"""What ``autograder doctor`` looks at: libraries, and what a worker can do from inside."""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import torch

from autograder.sandbox.failure import SubmissionFault, WorkerLost, WorkersLost
from autograder.sandbox.jail import missing_walls
from autograder.sandbox.remains import remove_tree
from autograder.sandbox.session import Deadlines, Session
from autograder.sandbox.zygote import Zygote

LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "pytest", "hypothesis")
MEMORY = 2**30
CALLS = (
    "fork", "run a program", "ask for a process with clone3", "open a UNIX socket", "open an IPv4 socket",
    "open an IPv6 socket", "open a netlink socket", "open a VM socket", "send to sockets of others",
    "signal its parent", "signal a thread of its parent", "watch its parent's descriptors", "trace processes",
    "read memory of its parent", "enter a new namespace", "change its root", "mount",
    "make a file in memory", "share memory by number", "use io_uring", "load a program into the kernel",
    "make a file that runs as its owner", "have the kernel signal others", "become another user",
)  # fmt: skip
"""What a worker must not be able to do, whatever the arguments; see ``doctor_probe.py``."""
USES = {
    "use more memory than it may": "use memory",
    "write a larger file than it may": "write a large file",
    "open more files than it may": "open many files",
    "start more threads than it may": "start many threads",
    "see a CUDA device": "see a CUDA device",
}
"""What the limits keep a worker from, and the probe's name for it."""


def examine(*, strict: bool, private_user: bool = False) -> int:
    """Print one line for everything that grading needs; return the exit status.

    It is 1 where no worker can be started, where one cannot do what correct code needs, if ``strict``, where a wall is
    missing without which strict grading refuses, and if ``private_user``, where workers keep the grader's user.
    """
    for name in LIBRARIES:
        importlib.import_module(name)
        print(f"ok    {name} {version(name)}")
    try:
        needed, kept_out, missing = look()
    except (WorkersLost, SubmissionFault, WorkerLost) as error:
        print(f"FAIL  a worker cannot be started: {error}")
        return 1
    for held, text in (*needed, *kept_out):
        print(f"{'ok   ' if held else 'FAIL '} {text}")
    if lacking := sum(not held for held, _ in kept_out):
        print(f"{lacking} of {len(kept_out)} protections are missing on this machine; reports will say so")
    if missing:
        print(f"strict grading is not possible here, it needs: {'; '.join(missing)}")
    keeps_user = private_user and (True, "private user") not in kept_out
    if keeps_user:
        print(
            'FAIL  workers keep the grader\'s user, and a private user is asked for; the line "private user" says why'
        )
    return 1 if any(not held for held, _ in needed) or (strict and missing) or keeps_user else 0


Line = tuple[bool, str]


def look() -> tuple[list[Line], list[Line], list[str]]:
    """Return what correct code needs, what keeps workers in, and which walls strict grading lacks."""
    with _folder() as folder, Zygote(folder, readable=["inside.py"], memory=MEMORY, cpu_seconds=20) as zygote:
        begun = time.monotonic()
        session, other = _open(zygote, folder), None
        milliseconds = (time.monotonic() - begun) * 1000
        try:
            other = _open(zygote, folder)
            needed = [(True, f"a worker is ready after {milliseconds:.0f} ms"), *_needed(session)]
            kept_out = [(wall.held, f"{wall.name}{': ' + wall.note if wall.note else ''}") for wall in zygote.walls]
            kept_out += _kept_out(session, folder, Path(other.module("inside").cwd()))
            kept_out += [(_is_limited(zygote, folder, use), f"a worker cannot {text}") for text, use in USES.items()]
            return needed, kept_out, missing_walls(zygote.walls)
        finally:
            session.close()
            if other is not None:
                other.close()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="autograder-"))
    try:
        folder.chmod(0o711)
        probe, secret = folder / "inside.py", folder / "secret"
        probe.write_text(files("autograder").joinpath("doctor_probe.py").read_text(encoding="utf-8"), encoding="utf-8")
        probe.chmod(0o644)
        secret.write_text("secret", encoding="utf-8")
        secret.chmod(0o600)
        yield folder
    finally:
        remove_tree(folder)


def _open(zygote: Zygote, folder: Path) -> Session:
    loader: dict[str, object] = {
        "folder": str(folder),
        "extra": [],
        "skip": [],
        "statement_seconds": None,
        "devices_on_cpu": False,
    }
    session = Session(zygote.fork_worker(), loader=loader, deadlines=Deadlines(20.0), load_seconds=10.0)
    session.begin(0)
    return session


def _needed(session: Session) -> list[Line]:
    inside = session.module("inside")
    return [
        (inside.late_import() == "colorsys", "a worker can import from the standard library"),
        (inside.can("write in its folder") is True, "a worker can write in its own folder"),
        (inside.can("start a thread") is True, "a worker can start a thread"),
        (torch.equal(inside.double(torch.ones(2)), torch.full((2,), 2.0)), "tensors come back as they are"),
    ]


def _kept_out(session: Session, folder: Path, other: Path) -> list[Line]:
    inside, grader = session.module("inside"), f"/proc/{os.getpid()}"
    private = {
        "a private file of the grader": str(folder / "secret"),
        "the grader's environment": f"{grader}/environ",
        "the grader's memory": f"{grader}/mem",
        "the grader's command line": f"{grader}/cmdline",
        "the folder of another worker": str(other),
        "the passwords of this machine": "/etc/shadow",
        "root's folder": "/root",
    }
    outside = {"the folder of the run": folder, "the folder of another worker": other}
    outside |= {name: Path(name) for name in ("/tmp", "/dev/shm", "/var/tmp")}
    return [
        *((inside.can_read(path) is False, f"a worker cannot read {name}") for name, path in private.items()),
        (inside.finds(str(folder / "secret")) is False, "a worker cannot tell whether there is a file of the grader"),
        *((inside.can_write(str(path)) is False, f"a worker cannot write in {name}") for name, path in outside.items()),
        *((inside.can(action) is False, f"a worker cannot {action}") for action in CALLS),
        (inside.descriptors() <= 5, "a worker inherits no descriptors"),
    ]


def _is_limited(zygote: Zygote, folder: Path, use: str) -> bool:
    """Whether a worker is refused a use, or is stopped because of it."""
    session = _open(zygote, folder)
    try:
        return session.module("inside").can(use) is False
    except WorkerLost as error:
        return error.summary.startswith("stopped: it ")
    finally:
        session.close()
