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


class ZygoteLost(Exception):
    """The zygote is gone: no further check can be tried in this run."""


class Zygote:
    """The grader's handle. ``folder`` is private to the run; workers get scratch folders in it.

    ``readable`` names the files and folders in it that workers may read; ``memory`` is in bytes.
    """

    def __init__(self, folder: Path, *, readable: Iterable[str], memory: int) -> None:
        self._folder = folder.resolve()
        self._readable = tuple(readable)
        self._memory = memory
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
        gc.unfreeze()
        theirs.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def fork_worker(self, cpu_seconds: float) -> WorkerChannel:
        """Return the channel to a fresh jailed worker; raise `ZygoteLost` where there can be none."""
        scratch = self._folder / f"scratch-{next(self._numbers)}"
        scratch.mkdir(mode=0o700)
        uid = secrets.choice(range(jail.FIRST_UID, jail.LAST_UID)) if self._private_user else None
        if uid is not None:
            os.chown(scratch, uid, uid)
        readable = tuple(str(self._folder / name) for name in self._readable)
        settings = jail.JailSettings(uid, str(scratch), readable, self._memory, int(cpu_seconds) + 5)
        ours, theirs = socket.socketpair()
        with theirs:
            answer = self._ask({"op": "fork", "settings": {"jail": asdict(settings)}}, theirs.fileno())
        channel = WorkerChannel(ours, self, answer["pid"], uid, scratch)
        self.walls = channel.wait_until_ready(time.monotonic() + START_SECONDS)
        return channel

    def end_worker(self, pid: int, uid: int | None, scratch: Path, *, grace: float = 0.0) -> int:
        """Kill a worker with all that it started; return its wait status, -1 where it had to be killed.

        A worker that is about to end by itself gets ``grace`` seconds to do so.
        """
        try:
            return int(self._ask({"op": "end", "pid": pid, "uid": uid, "grace": grace})["status"])
        finally:
            _remove(scratch)

    def close(self) -> None:
        """End the zygote; its workers end with it."""
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _ask(self, message: Mapping[str, Any], descriptor: int | None = None) -> dict[str, Any]:
        try:
            data = json.dumps(message).encode()
            socket.send_fds(self._control, [data], [] if descriptor is None else [descriptor])
            frame = read_frame(self._control, Limits(), time.monotonic() + START_SECONDS)
        except (OSError, Closed, DeadlinePassed, Misbehaved):
            raise ZygoteLost("the process that workers come from is gone") from None
        return frame.header  # type: ignore[no-any-return]


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
    workers: set[int] = set()
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
                workers.add(pid)
                os.close(descriptors[0])
                write_frame(control, {"pid": pid}, [])
            else:
                status = _end(message["pid"], message["grace"]) if message["pid"] in workers else -1
                workers.discard(message["pid"])
                write_frame(control, {"status": status}, [])
                if message["uid"] is not None:
                    _end_all_of(message["uid"])
    except (Closed, OSError):
        pass
    finally:
        for pid in workers:
            _end(pid)
        os._exit(0)


def _end(pid: int, grace: float = 0.0) -> int:
    """Kill a worker's whole session where it still runs, and return its wait status."""
    patience = time.monotonic() + grace
    ended, status = os.waitpid(pid, os.WNOHANG)
    while ended != pid and time.monotonic() < patience:
        time.sleep(0.001)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if ended == pid:
        return status
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return -1 if os.waitpid(pid, 0) else 0


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
