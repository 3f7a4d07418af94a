"""The life of a zygote: the process that workers are forked from, and that is forked itself from a factory.

It has one thread, does no arithmetic, and keeps no descriptor but its control socket; a fresh worker is a fork, not a
start. It takes orders from the grader alone, and ends with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from autograder.sandbox.shared.wire import Closed, write_frame
from autograder.sandbox.trusted import huge_pages, jail, mounts
from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.sandbox.trusted.worker_start import ServeGrader, only_keep, start

CLEAN_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "CUDA_VISIBLE_DEVICES": "",
    "WANDB_MODE": "disabled",
}
Workers = dict[int, tuple[int, float] | None]
"""Wait status and processor time by process id, None while it lives."""
PR_SET_CHILD_SUBREAPER = 36
COLLAPSE_AT = 8
"""The worker after which all further forks are made cheaper: that costs what it saves on some ten of them."""
REAP_SECONDS = 10.0
"""Longest wait for a killed worker to be gone: one thread in a system call of the kernel holds it up."""


def live(control: socket.socket, folder: Path, readable: Sequence[str], serve: ServeGrader) -> NoReturn:
    """Be the zygote: fork and end workers on demand, until the grader leaves. If it died, remove its folder too.

    ``readable`` are the places that workers may read, ``serve`` is what they do once they are jailed.
    """
    workers: Workers = {}
    forks = 0
    left = False
    try:
        os.setsid()
        _adopt_orphans()
        only_keep(control.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        gc.disable()
        os.chdir(folder)
        _answer(control, {"pid": os.getpid()})
        tree: dict[str, str] | None = None
        while True:
            data, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
            if not data:
                break
            message = json.loads(data)
            if left := message["op"] == "leave":
                break
            if message["op"] == "fork":
                if tree is None:  # from now on there is something to read
                    tree = jail.build_tree(folder, readable)
                pid = os.fork()
                if pid == 0:
                    control.close()
                    start(socket.socket(fileno=descriptors[0]), message["settings"], tree, serve)
                workers[pid] = None
                os.close(descriptors[0])
                _answer(control, {"pid": pid})
                forks += 1
                if forks == COLLAPSE_AT:
                    huge_pages.collapse()
            else:
                pid = message["pid"]
                status, seconds = _end(pid, message["grace"], workers)
                if message["uid"] is not None:
                    _end_all_of(message["uid"])
                gone = _end_orphans(workers, time.monotonic() + REAP_SECONDS)
                _answer(control, {"status": status, "seconds": seconds, "gone": gone and pid not in workers})
            _reap(workers)
    except OSError:
        pass
    finally:
        _end_all(workers)
        if not left:
            remove(folder)
        os._exit(0)


def _answer(control: socket.socket, answer: dict[str, Any]) -> None:
    """Tell the grader; where it has hung up, what it sent last says whether it left or died."""
    with contextlib.suppress(Closed):
        write_frame(control, answer, [])


def remove(folder: Path) -> None:
    """Remove the folder of the run, unless the system's own files still show in it."""
    with contextlib.suppress(OSError):
        mounts.remove(folder / jail.TREE)
        remove_tree(folder)


def forget_start() -> None:
    """Forget how this process was started: its arguments and its environment, of which workers get new ones.

    What the kernel put on the first stack for them stays there for good, in every fork, unless it is overwritten.
    """
    os.environ.clear()
    os.environ.update(CLEAN_ENVIRONMENT)
    sys.argv[:] = [""]
    sys.orig_argv[:] = [""]
    with contextlib.suppress(OSError, ValueError):
        fields = Path("/proc/self/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
        for start, end in (fields[45:47], fields[47:49]):  # arguments; environment
            ctypes.memset(int(start), 0, int(end) - int(start))


def _reap(workers: Workers) -> None:
    """Note the wait status and the processor time of every worker that has ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.wait4(-1, os.WNOHANG))[0] != 0:
            pid, status, usage = found
            workers[pid] = status, usage.ru_utime + usage.ru_stime


def _end(pid: int, grace: float, workers: Workers) -> tuple[int, float]:
    """Kill a worker's whole session; return its wait status (-1 where it had not ended by itself) and its time.

    It is waited for: a process can be reaped only when every thread of it has left its last system call, and until then
    its threads go on changing its folder. One that is still there after `REAP_SECONDS` stays among the workers.
    """
    deadline = time.monotonic() + grace
    _reap(workers)
    while pid in workers and workers[pid] is None and time.monotonic() < deadline:
        time.sleep(0.001)
        _reap(workers)
    by_itself = workers.get(pid) is not None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if not by_itself:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + REAP_SECONDS
    while pid in workers and workers[pid] is None and time.monotonic() < deadline:
        time.sleep(0.0005)
        _reap(workers)
    if workers.get(pid) is None:
        return -1, 0.0
    status, seconds = workers.pop(pid) or (-1, 0.0)
    return (status if by_itself else -1), seconds


def _end_all(workers: Workers) -> None:
    """Kill every worker that is left, and wait until all are gone."""
    for pid in list(workers):
        _end(pid, 0.0, workers)
    _end_orphans({}, time.monotonic() + REAP_SECONDS)


def _adopt_orphans() -> None:
    """Become the parent of what workers leave behind, where no seccomp kept them from starting processes."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_orphans(workers: Workers, deadline: float) -> bool:
    """Kill and reap every child that is no worker; return whether none is left."""
    while orphans := [pid for pid in _children() if pid not in workers]:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
    return True


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()]
    except OSError:
        return []


def _end_all_of(uid: int) -> None:
    """Kill whatever runs under a worker's private uid: a child becomes that user and kills all that it may."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
