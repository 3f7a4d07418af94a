"""Ways to make this machine slow for some processes: a crowd beside them, or a quota that the system keeps."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PERIOD = 100_000
"""Microseconds over which the system reckons a quota."""
EIGHTH = 1 / 8


@contextmanager
def busy(others: int) -> Iterator[None]:
    """So many other processes compute on the one processor that this one, and what it starts, may use."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    # each in a session of its own, as the worker is: the kernel shares a processor between sessions first
    crowd = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(others)
    ]
    try:
        yield
    finally:
        for one in crowd:
            one.kill()
            one.wait()
        os.sched_setaffinity(0, before)


@contextmanager
def quota(share: float, pids: Iterable[int] = ()) -> Iterator[Path]:
    """Hold processes, with all that they start, to a share of one processor; yield the file that takes more of them.

    Raises `OSError` where this system has no control groups that this process may make.
    """
    parent, of_version_2 = _parent_group()
    group = parent / f"autograder-test-{secrets.token_hex(4)}"
    group.mkdir()
    try:
        limit = int(share * PERIOD)
        if of_version_2:
            (group / "cpu.max").write_text(f"{limit} {PERIOD}", encoding="ascii")
        else:
            (group / "cpu.cfs_period_us").write_text(f"{PERIOD}", encoding="ascii")
            (group / "cpu.cfs_quota_us").write_text(f"{limit}", encoding="ascii")
        _move(pids, group)
        yield group / "cgroup.procs"
    finally:
        _move(map(int, (group / "cgroup.procs").read_text(encoding="ascii").split()), parent)
        group.rmdir()


def _move(pids: Iterable[int], group: Path) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid), encoding="ascii")


def _parent_group() -> tuple[Path, bool]:
    """Return the control group of processors that this process is in, and whether it is of version 2."""
    own = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path.lstrip("/")
    for line in Path("/proc/self/mountinfo").read_text(encoding="ascii").splitlines():
        first, _, second = line.partition(" - ")
        kind, _, options = second.split(" ", 2)
        place = Path(first.split()[4])
        if kind == "cgroup" and "cpu" in options.split(","):
            return place / next(path for names, path in own.items() if "cpu" in names.split(",")), False
        if kind == "cgroup2" and "cpu" in (place / own[""] / "cgroup.controllers").read_text(encoding="ascii").split():
            return place / own[""], True
    raise OSError("no control groups of processors")


@contextmanager
def an_eighth_of_a_core() -> Iterator[Sequence[str]]:
    """Yield what a command is to be put behind, so that it has an eighth of one processor with all that it starts."""
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(quota(EIGHTH))
            yield ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group)]
        except OSError:
            if not shutil.which("taskset"):
                raise
            processor = max(os.sched_getaffinity(0))
            stack.enter_context(busy(round(1 / EIGHTH) - 1))
            yield ["taskset", "-c", str(processor)]
