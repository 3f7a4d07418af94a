"""The process that workers are forked from, and the grader's handle on it.

The zygote is forked from the grader after the heavy imports and before any secret is read. It has one thread, does no
arithmetic, and keeps no descriptor but its control socket; a fresh worker is a fork, not a start.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from autograder.sandbox import jail, worker
from autograder.sandbox.session import Serve, is_question
from autograder.sandbox.wire import Closed, DeadlinePassed, Frame, Limits, Misbehaved, read_frame, write_frame

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
START_SECONDS = 30.0
GONE = "the process that workers come from is gone"


class ZygoteLost(Exception):
    """The zygote is gone: no further check can be tried in this run."""


class Zygote:
    """The grader's handle. ``folder`` is private to the run; workers get scratch folders in it.

    ``readable`` names the files and folders in it that workers may read; ``memory`` is in bytes, ``cpu_seconds`` what
    each worker may use of the processor. One spare worker is always on its way, so that none has to be waited for.
    """

    def __init__(self, folder: Path, *, readable: Iterable[str], memory: int, cpu_seconds: float) -> None:
        self._folder = folder.resolve()
        self._readable = tuple(readable)
        self._memory = memory
        self._cpu_seconds = int(cpu_seconds) + 5
        self._spare: WorkerChannel | None = None
        self._on_its_way: tuple[socket.socket, int | None, Path] | None = None
        self._numbers = itertools.count(1)
        self._private_user = os.getuid() == 0 and jail.interpreter_is_readable_by_others()
        self.walls: list[jail.WallReport] = []
        self._control, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()
        self._pid = os.fork()
        if self._pid == 0:
            _live(theirs)
        theirs.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def fork_worker(self) -> WorkerChannel:
        """Return the channel to a fresh jailed worker; raise `ZygoteLost` where there can be none."""
        if self._on_its_way is None and self._spare is None:
            self._order()
        self._receive()
        channel, self._spare = self._spare, None
        assert channel is not None
        self._order()
        self.walls = channel.wait_until_ready(time.monotonic() + START_SECONDS)
        return channel

    def end_worker(self, pid: int, uid: int | None, scratch: Path, *, grace: float = 0.0) -> int:
        """Kill a worker with all that it started; return its wait status, -1 where it had to be killed.

        A worker that is about to end by itself gets ``grace`` seconds to do so.
        """
        can_fork = not any(wall.name == "seccomp" and wall.held for wall in self.walls)
        try:
            self._receive()
            self._send({"op": "end", "pid": pid, "uid": uid if can_fork else None, "grace": grace})
            return int(self._read()["status"])
        finally:
            _remove(scratch)

    def close(self) -> None:
        """End the zygote; its workers end with it."""
        gc.unfreeze()  # some extension modules report objects that the collector never saw as leaks
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        for left in (self._on_its_way, self._spare):
            if isinstance(left, WorkerChannel):
                left.abandon()
            elif left is not None:
                left[0].close()

    def _order(self) -> None:
        """Ask for another worker without waiting for it."""
        scratch = self._folder / f"scratch-{next(self._numbers)}"
        scratch.mkdir(mode=0o700)
        uid = secrets.choice(range(jail.FIRST_UID, jail.LAST_UID)) if self._private_user else None
        if uid is not None:
            os.chown(scratch, uid, uid)
        readable = tuple(str(self._folder / name) for name in self._readable)
        settings = jail.JailSettings(uid, str(scratch), readable, self._memory, self._cpu_seconds)
        ours, theirs = socket.socketpair()
        with theirs:
            self._send({"op": "fork", "settings": {"jail": asdict(settings)}}, theirs.fileno())
        self._on_its_way = (ours, uid, scratch)

    def _receive(self) -> None:
        """Take the answer to the last order, if there is one."""
        if self._on_its_way is not None:
            (stream, uid, scratch), self._on_its_way = self._on_its_way, None
            self._spare = WorkerChannel(stream, self, self._read()["pid"], uid, scratch)

    def _send(self, message: Mapping[str, Any], descriptor: int | None = None) -> None:
        data = json.dumps(message).encode()
        try:
            socket.send_fds(self._control, [data], [] if descriptor is None else [descriptor])
        except OSError:
            raise ZygoteLost(GONE) from None

    def _read(self) -> dict[str, Any]:
        try:
            return read_frame(self._control, Limits(), time.monotonic() + START_SECONDS).header  # type: ignore[no-any-return]
        except (Closed, DeadlinePassed, Misbehaved):
            raise ZygoteLost(GONE) from None


class WorkerChannel:
    """The grader's end of a worker's socket."""

    def __init__(self, stream: socket.socket, zygote: Zygote, pid: int, uid: int | None, scratch: Path) -> None:
        self._stream = stream
        self._zygote = zygote
        self._identity = (pid, uid, scratch)
        self._status: int | None = None

    def wait_until_ready(self, deadline: float) -> list[jail.WallReport]:
        """Return which walls hold, once the worker is behind them."""
        try:
            frame = read_frame(self._stream, Limits(), deadline)
        except (Closed, DeadlinePassed, Misbehaved):
            self.close()
            raise ZygoteLost(f"a worker did not start{self.explain_end()}") from None
        return [jail.WallReport(**wall) for wall in frame.header["walls"]]

    def exchange(self, header: Any, buffers: list[memoryview], deadline: float | None, serve: Serve) -> Frame:
        """Send a request and return the answer; ``serve`` answers the questions that come before it."""
        if self._status is not None:
            raise Closed
        write_frame(self._stream, header, buffers, deadline)
        while True:
            frame = read_frame(self._stream, Limits(), deadline)
            if not is_question(frame):
                return frame
            write_frame(self._stream, *serve(frame), deadline)

    def close(self, *, grace: float = 0.0) -> None:
        """End the worker; nothing of it is left running."""
        if self._status is None:
            self._stream.close()
            self._status = -1
            self._status = self._zygote.end_worker(*self._identity, grace=grace)

    def abandon(self) -> None:
        """Forget a worker that ended with the zygote."""
        self._stream.close()
        self._status = -1

    def explain_end(self) -> str:
        """Say in words how the worker ended, where it has ended by itself."""
        self.close(grace=1.0)
        if self._status is None or self._status < 0:
            return ""
        if os.WIFSIGNALED(self._status):
            number = os.WTERMSIG(self._status)
            if number == signal.SIGKILL:
                return " (killed: out of memory, or it ran out of processor time)"
            return f" (killed by signal {signal.Signals(number).name})"
        return f" (it called exit with status {os.WEXITSTATUS(self._status)})"


def _live(control: socket.socket) -> NoReturn:
    """Be the zygote: fork and end workers on demand, until the grader hangs up."""
    workers: dict[int, int | None] = {}  # wait status by process id, None while it lives
    try:
        os.setsid()
        worker._only_keep(control.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        gc.disable()
        os.environ.clear()
        os.environ.update(CLEAN_ENVIRONMENT)
        while True:
            data, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
            if not data:
                break
            message = json.loads(data)
            if message["op"] == "fork":
                pid = os.fork()
                if pid == 0:
                    control.close()
                    worker.run(socket.socket(fileno=descriptors[0]), message["settings"])
                workers[pid] = None
                os.close(descriptors[0])
                write_frame(control, {"pid": pid}, [])
            else:
                pid = message["pid"]
                write_frame(control, {"status": _end(pid, message["grace"], workers)}, [])
                if message["uid"] is not None:
                    _end_all_of(message["uid"])
            _reap(workers)
    except (Closed, OSError):
        pass
    finally:
        _end_all(workers)
        os._exit(0)


def _reap(workers: dict[int, int | None]) -> None:
    """Note the wait status of every worker that has ended."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0] != 0:
            workers[found[0]] = found[1]


def _end(pid: int, grace: float, workers: dict[int, int | None]) -> int:
    """Kill a worker's whole session; return its wait status, -1 where it had not ended by itself.

    A killed worker is not waited for: it is collected later, while its last pages are given back.
    """
    patience = time.monotonic() + grace
    _reap(workers)
    while workers.get(pid, -1) is None and time.monotonic() < patience:
        time.sleep(0.001)
        _reap(workers)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    status = workers.get(pid, -1)
    if status is not None:
        workers.pop(pid, None)
        return status
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return -1


def _end_all(workers: dict[int, int | None]) -> None:
    """Kill every worker that is left, and wait until all are gone."""
    for pid in list(workers):
        _end(pid, 0.0, workers)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


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


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
