"""The doctor's tests from inside a worker: what it can do for correct code, and what keeps it in."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import torch

from autograder.errors import what_went_wrong
from autograder.sandbox.out_of_process import start_zygote
from autograder.sandbox.trusted.channel import Deadlines
from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.sandbox.trusted.faults import WorkerLost
from autograder.sandbox.trusted.jail import missing_walls
from autograder.sandbox.trusted.remote import Remote
from autograder.sandbox.trusted.session import Session
from autograder.sandbox.trusted.zygote import Zygote

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


Line = tuple[bool, str]


def look() -> tuple[list[Line], list[Line], list[str]]:
    """Return what correct code needs, what keeps workers in, and which walls strict grading lacks.

    What goes wrong while one thing is tried makes one line that does not hold. Raises where no worker can be started.
    """
    with _folder() as folder, start_zygote(folder, readable=["inside.py"], memory=MEMORY, cpu_seconds=20) as zygote:
        begun = time.monotonic()
        tries = _Tries(zygote, folder)
        try:
            tries.inside.cwd()
            milliseconds = (time.monotonic() - begun) * 1000
            needed = [(True, f"a worker is ready after {milliseconds:.0f} ms"), *_needed(tries)]
            kept_out = [(wall.held, f"{wall.name}{': ' + wall.note if wall.note else ''}") for wall in zygote.walls]
            kept_out += [*_kept_out(tries), *(_limited(tries, text, use) for text, use in USES.items())]
            return needed, kept_out, missing_walls(zygote.walls)
        finally:
            tries.close()


@dataclass
class _Tries:
    """A worker to try things in, which is replaced when it is lost, and another one next to it."""

    zygote: Zygote
    folder: Path
    sessions: list[Session] = field(default_factory=list)

    @property
    def inside(self) -> Remote:
        """The probe in the first worker."""
        return self._worker(0).module("inside")

    def folder_of_another(self) -> str:
        """The working folder of the other worker."""
        return str(self._worker(1).module("inside").cwd())

    def line(self, text: str, holds: Callable[[], bool]) -> Line:
        """Return whether something holds; not where trying it goes wrong, which the line then says."""
        try:
            return holds(), text
        except WorkerLost as error:
            self.close()
            return False, f"{text}: the worker was lost: {error.summary}"
        except Exception as error:
            return False, f"{text}: {what_went_wrong(error)}"

    def close(self) -> None:
        """End the workers; others are started when they are asked for."""
        while self.sessions:
            self.sessions.pop().close()

    def _worker(self, number: int) -> Session:
        while len(self.sessions) <= number:
            self.sessions.append(_open(self.zygote, self.folder))
        return self.sessions[number]


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


def _needed(tries: _Tries) -> list[Line]:
    def doubled() -> bool:
        return torch.equal(tries.inside.double(torch.ones(2)), torch.full((2,), 2.0))

    return [
        tries.line("a worker can import from the standard library", lambda: tries.inside.late_import() == "colorsys"),
        tries.line("a worker can write in its own folder", lambda: tries.inside.can("write in its folder") is True),
        tries.line("a worker can start a thread", lambda: tries.inside.can("start a thread") is True),
        tries.line("tensors come back as they are", doubled),
    ]


def _kept_out(tries: _Tries) -> list[Line]:
    secret, grader = str(tries.folder / "secret"), f"/proc/{os.getpid()}"
    private = {
        "a private file of the grader": secret,
        "the grader's environment": f"{grader}/environ",
        "the grader's memory": f"{grader}/mem",
        "the grader's command line": f"{grader}/cmdline",
        "the passwords of this machine": "/etc/shadow",
        "root's folder": "/root",
    }
    outside = {
        "the folder of the run": str(tries.folder),
        "/tmp": "/tmp",
        "/dev/shm": "/dev/shm",
        "/var/tmp": "/var/tmp",
    }
    another, line = "the folder of another worker", tries.line

    def refused(probe: str, argument: str) -> Callable[[], bool]:
        return lambda: getattr(tries.inside, probe)(argument) is False

    return [
        *(line(f"a worker cannot read {name}", refused("can_read", path)) for name, path in private.items()),
        line(f"a worker cannot read {another}", lambda: tries.inside.can_read(tries.folder_of_another()) is False),
        line("a worker cannot tell whether there is a file of the grader", refused("finds", secret)),
        *(line(f"a worker cannot write in {name}", refused("can_write", path)) for name, path in outside.items()),
        line(f"a worker cannot write in {another}", lambda: tries.inside.can_write(tries.folder_of_another()) is False),
        *(line(f"a worker cannot {action}", refused("can", action)) for action in CALLS),
        line("a worker inherits no descriptors", lambda: tries.inside.descriptors() <= 5),
    ]


def _limited(tries: _Tries, text: str, use: str) -> Line:
    """Whether a worker is refused a use, or is stopped because of it."""

    def holds() -> bool:
        session = _open(tries.zygote, tries.folder)
        try:
            return session.module("inside").can(use) is False
        except WorkerLost as error:
            return error.summary.startswith("stopped: it ")
        finally:
            session.close()

    return tries.line(f"a worker cannot {text}", holds)
