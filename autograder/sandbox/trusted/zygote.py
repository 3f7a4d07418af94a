"""The grader's handles: on the process that workers are forked from, and on each worker.

The zygote is forked from a factory that never knew a secret (`zygote_factory`); `zygote_main` is its life.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.sandbox.shared.wire import (
    Closed,
    Deadline,
    DeadlinePassed,
    Frame,
    Limits,
    Misbehaved,
    check_deadline,
    read_frame,
    write_frame,
)
from autograder.sandbox.trusted import jail
from autograder.sandbox.trusted.callbacks import is_question
from autograder.sandbox.trusted.channel import Serve
from autograder.sandbox.trusted.cleanup import remove_files_of, remove_tree
from autograder.sandbox.trusted.clock import Meter
from autograder.sandbox.trusted.faults import WorkerLost, WorkersLost
from autograder.sandbox.trusted.resource_monitor import Bounds, Watch, Watched
from autograder.sandbox.trusted.run_end import RunEnd

START_SECONDS = 30.0
END_SECONDS = 10.0
GRACE_SECONDS = 1.0
MEASURED_SHARE = 0.6
"""The kernel keeps the limit of processor time by its ticks, and reports a time that may be somewhat less than that."""
GONE = "the process that workers come from is gone"


class Zygote:
    """The grader's handle on one that was ordered from a `ZygoteFactory`.

    ``folder`` is private to it and its workers, which get scratch folders there; ``readable`` are the places that these
    may read. ``memory`` is in bytes, ``cpu_seconds`` what each worker may use of the processor. One spare worker is
    always on its way, so that none has to be waited for. At the moment ``run_ends`` of the `time.monotonic` clock, no
    worker that starts is waited for any longer.
    """

    def __init__(
        self,
        control: socket.socket,
        folder: Path,
        readable: Sequence[str],
        *,
        memory: int,
        cpu_seconds: float,
        run_ends: float | None = None,
    ) -> None:
        self._control = control
        self._folder = folder
        self._readable = tuple(readable)
        self._memory = memory
        self._cpu_seconds = math.ceil(cpu_seconds)
        self._watch = Watch()
        self._open: dict[WorkerChannel, None] = {}
        self.run_end = RunEnd(run_ends)
        self._spare: WorkerChannel | None = None
        self._on_its_way: tuple[socket.socket, int | None, Path] | None = None
        self._numbers = itertools.count(1)
        self._private_user = os.getuid() == 0 and jail.interpreter_is_readable_by_others()
        self.walls: list[jail.WallReport] = []
        self._pid: int | None = None

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def fork_worker(self) -> WorkerChannel:
        """Return the channel to a fresh jailed worker; raise `WorkersLost` where there can be none.

        It is `NotEnoughTime` where the run ends first.
        """
        self.run_end.check()
        if self._on_its_way is None and self._spare is None:
            self._order()
        self._receive(self.run_end.wait(START_SECONDS))
        channel, self._spare = self._spare, None
        assert channel is not None
        self._order()
        self._open[channel] = None
        self.walls = channel.wait_until_ready(self.run_end.wait(START_SECONDS))
        return channel

    def stop(self, reason: str) -> None:
        """End all workers at once and start no other. May be called by a signal handler or another thread."""
        self.run_end.stop(reason)
        for channel in list(self._open):
            channel.stop(reason)

    def end_worker(self, pid: int, uid: int | None, scratch: Path, *, grace: float = 0.0) -> tuple[int, float]:
        """Kill a worker with all that it started; return its wait status and its processor time in seconds.

        The status is -1 where it had to be killed; one that is about to end by itself gets ``grace`` seconds for it.
        """
        held = {wall.name for wall in self.walls if wall.held}
        wait = self.run_end.wait(START_SECONDS, longer=END_SECONDS)
        self._receive(wait)
        self._send({"op": "end", "pid": pid, "uid": None if "seccomp" in held else uid, "grace": grace})
        answer = self._read(wait)
        if answer["gone"]:  # else its folder goes with the folder of the run
            remove_tree(scratch)
            if uid is not None and "landlock" not in held:
                remove_files_of(uid)
        return int(answer["status"]), float(answer["seconds"])

    def close(self) -> None:
        """End the zygote; its workers end with it. Nothing happens where it has ended already."""
        if self._control.fileno() < 0:
            return
        self._watch.close()
        with contextlib.suppress(WorkersLost):
            self._send({"op": "leave"})
        self._wait_until_gone(END_SECONDS)
        self._control.close()
        for channel in [*self._open, *([self._spare] if self._spare is not None else [])]:
            channel.abandon()
        if self._on_its_way is not None:
            self._on_its_way[0].close()
            remove_tree(self._on_its_way[2])
        with contextlib.suppress(OSError):  # empty for all but the zygote and its workers
            (self._folder / jail.TREE).rmdir()

    def watched(self, pid: int, scratch: Path, stop: Callable[[str], None]) -> Watched:
        """Look at a worker from outside from now on."""
        bounds = Bounds(self._memory, jail.DISK, jail.FILES, jail.THREADS)
        watched = Watched(pid, scratch, bounds, stop)
        self._watch.add(watched)
        return watched

    def forget(self, channel: WorkerChannel, watched: Watched | None) -> None:
        """Look at a worker no longer."""
        self._open.pop(channel, None)
        if watched is not None:
            self._watch.remove(watched)

    def explain_status(self, status: int, seconds: float) -> str:
        """Say which limit of the kernel ended a worker, "" where none did."""
        killed = status > 0 and os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)
        if killed and seconds > MEASURED_SHARE * self._cpu_seconds:
            return f"stopped: it used more than {self._cpu_seconds} s of processor time"
        return ""

    def _order(self) -> None:
        """Ask for another worker without waiting for it."""
        scratch = self._folder / f"scratch-{next(self._numbers)}"
        scratch.mkdir(mode=0o700)
        uid = secrets.choice(range(jail.FIRST_UID, jail.LAST_UID)) if self._private_user else None
        if uid is not None:
            os.chown(scratch, uid, uid)
        settings = jail.JailSettings(uid, str(scratch), self._readable, self._memory, self._cpu_seconds)
        ours, theirs = socket.socketpair()
        with theirs:
            self._send({"op": "fork", "settings": {"jail": asdict(settings)}}, theirs.fileno())
        self._on_its_way = (ours, uid, scratch)

    def pid(self, wait: Deadline | None = None) -> int:
        """Return its process id, once it has started."""
        if self._pid is None:
            self._pid = self._read(self.run_end.wait(START_SECONDS) if wait is None else wait)["pid"]
        return self._pid

    def _receive(self, wait: Deadline) -> None:
        """Take the answer to the last order, if there is one."""
        if self._on_its_way is not None:
            self.pid(wait)
            pid = self._read(wait)["pid"]
            (stream, uid, scratch), self._on_its_way = self._on_its_way, None
            self._spare = WorkerChannel(stream, self, pid, uid, scratch)

    def _wait_until_gone(self, seconds: float) -> None:
        """Wait until the zygote has ended, which closes its end; kill it where it takes longer than it may."""
        ends = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
            while (left := ends - time.monotonic()) > 0:
                self._control.settimeout(left)
                if not self._control.recv(65536):
                    return
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _send(self, message: Mapping[str, Any], descriptor: int | None = None) -> None:
        data = json.dumps(message).encode()
        try:
            socket.send_fds(self._control, [data], [] if descriptor is None else [descriptor])
        except OSError:
            raise WorkersLost(GONE) from None

    def _read(self, wait: Deadline) -> dict[str, Any]:
        try:
            return read_frame(self._control, Limits(), wait).header  # type: ignore[no-any-return]
        except DeadlinePassed:
            self.run_end.check()
            raise WorkersLost(GONE) from None
        except (Closed, Misbehaved):
            raise WorkersLost(GONE) from None


class WorkerChannel:
    """The grader's end of a worker's socket."""

    def __init__(self, stream: socket.socket, zygote: Zygote, pid: int, uid: int | None, scratch: Path) -> None:
        self._stream = stream
        self._zygote = zygote
        self._identity = (pid, uid, scratch)
        self._handle = _open_process(pid)
        self._watched: Watched | None = None
        self.meter: Meter | None = None
        """What the worker uses once it is in use."""
        self._lock = threading.RLock()
        self._status: int | None = None
        self._limit = ""

    def wait_until_ready(self, deadline: Deadline) -> list[jail.WallReport]:
        """Return which walls hold, once the worker is behind them; from then on it is watched."""
        try:
            frame = read_frame(self._stream, Limits(), deadline)
        except (Closed, DeadlinePassed, Misbehaved):
            self.close()
            self._zygote.run_end.check()
            raise WorkersLost(f"a worker did not start{self.explain_end()}") from None
        pid, _, scratch = self._identity
        self._watched = self._zygote.watched(pid, scratch, self.stop)
        self.meter = Meter(pid)
        return [jail.WallReport(**wall) for wall in frame.header["walls"]]

    def exchange(self, header: Any, buffers: list[memoryview], deadline: Deadline | None, serve: Serve) -> Frame:
        """Send a request and return the answer; ``serve`` answers the questions that come before it.

        Raises `WorkerLost`, which names the limit, where the worker passed one.
        """
        if self._status is not None:
            raise Closed
        try:
            write_frame(self._stream, header, buffers, deadline)
            while True:
                frame = read_frame(self._stream, Limits(), deadline)
                if not is_question(frame):
                    return frame
                write_frame(self._stream, *serve(frame), deadline)
                check_deadline(deadline)
        except Closed:
            self.close(grace=GRACE_SECONDS)
            if self._limit:
                raise WorkerLost(self._limit, limit=self._limit) from None
            raise

    def stop(self, reason: str) -> None:
        """Kill the worker because of what it did; whoever waits for it learns the reason. From any thread."""
        with self._lock:
            if self._status is not None or self._limit:
                return
            self._limit = reason
            self._kill()
            with contextlib.suppress(OSError):
                self._stream.shutdown(socket.SHUT_RDWR)

    def close(self, *, grace: float = 0.0) -> None:
        """End the worker; nothing of it is left running."""
        with self._lock:
            if self._status is not None:
                return
            self._status = -1
            self._stream.close()
            if self.meter is not None:
                self.meter.stop()
        self._zygote.forget(self, self._watched)
        try:
            self._status, seconds = self._zygote.end_worker(*self._identity, grace=grace)
            self._limit = self._limit or self._zygote.explain_status(self._status, seconds)
        finally:
            self._kill()
            self._close_handle()

    def abandon(self) -> None:
        """Forget a worker that ended with the zygote."""
        with self._lock:
            self._status = -1
            self._stream.close()
            self._kill()
            _wait_until_gone(self._handle, END_SECONDS)
            self._close_handle()
        remove_tree(self._identity[2])

    def explain_end(self) -> str:
        """Say in words how the worker ended, where it has ended by itself."""
        self.close(grace=GRACE_SECONDS)
        if self._limit:
            return f" ({self._limit})"
        if self._status is None or self._status < 0:
            return ""
        if os.WIFSIGNALED(self._status):
            number = os.WTERMSIG(self._status)
            why = ", as when the machine runs out of memory" if number == signal.SIGKILL else ""
            return f" (killed by signal {_name_of_signal(number)}{why})"
        return f" (it called exit with status {os.WEXITSTATUS(self._status)})"

    def _kill(self) -> None:
        """Kill the process and no other: its handle stays good where its number is used again."""
        with contextlib.suppress(OSError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def _close_handle(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return str(number)


def _open_process(pid: int) -> int | None:
    """Return a handle on a process, None where the system has none; the zygote then does all the killing."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def _wait_until_gone(handle: int | None, seconds: float) -> None:
    """Wait until the last thread of a process has ended, as far as the system lets us know."""
    if handle is not None:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(seconds * 1000)
