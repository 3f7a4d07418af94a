"""Workers where a process cannot be forked or jailed (Windows): plain subprocesses, and the report says so.

For students on their own machines only. The conversation is the same as with a jailed worker, over a socket on this
machine's loopback; each side proves to the other that it is no stranger by a token that travels through the pipe of
the subprocess's standard input.
"""

from __future__ import annotations

import contextlib
import hmac
import itertools
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.sandbox.shared.wire import Closed, Deadline, Frame, Limits, check_deadline, read_frame, write_frame
from autograder.sandbox.trusted.callbacks import is_question
from autograder.sandbox.trusted.channel import Serve
from autograder.sandbox.trusted.clock import Meter
from autograder.sandbox.trusted.faults import WorkersLost
from autograder.sandbox.trusted.jail import WallReport
from autograder.sandbox.trusted.run_end import RunEnd, Wait

START_SECONDS = 120.0
TOKEN_BYTES = 32
NO_WALLS = (WallReport("jail", False, "this system has none: the submission runs with your own rights"),)
PASSED_ON = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "HOME", "USERPROFILE", "LD_LIBRARY_PATH")
FIXED = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": "0"}


class PlainFactory:
    """Makes sources of subprocesses, which inherit nothing and so import ``preload`` anew."""

    def __init__(self, preload: Sequence[str]) -> None:
        self._preload = tuple(preload)

    def order(self, folder: Path, readable: Iterable[str], *, many: bool = False) -> PlainOrder:
        """Ask for subprocesses that work in a folder; there is no wall that would keep them to what is readable."""
        return PlainOrder(folder, self._preload)

    def close(self) -> None:
        """Do nothing: there is no process."""

    def abandon(self) -> None:
        """Do nothing: there is no process."""


@dataclass(frozen=True)
class PlainOrder:
    """Subprocesses that nobody has started yet."""

    folder: Path
    preload: tuple[str, ...]

    def start(self, *, memory: int, cpu_seconds: float, run_ends: float | None = None) -> PlainWorkers:
        """Return the source of subprocesses, which have no limits."""
        return PlainWorkers(self.folder, self.preload, run_ends)

    def close(self) -> None:
        """Do nothing: nothing was started."""


class PlainWorkers:
    """Starts subprocesses, one ahead of time: each imports torch anew, which takes seconds.

    At the moment ``run_ends`` of the `time.monotonic` clock, none is waited for any longer.
    """

    def __init__(self, folder: Path, preload: Sequence[str], run_ends: float | None = None) -> None:
        self.walls = list(NO_WALLS)
        self._folder = folder
        self._preload = tuple(preload)
        self._numbers = itertools.count(1)
        self._run_end = RunEnd(run_ends)
        self._spare = self._start()

    def fork_worker(self) -> PlainChannel:
        """Return the channel to a fresh worker; raise `WorkersLost` where it did not start."""
        self._run_end.check()
        channel, self._spare = self._spare, self._start()
        try:
            channel.wait_until_ready(self._run_end.wait(START_SECONDS))
        except WorkersLost:
            self._run_end.check()
            raise
        return channel

    def stop(self, reason: str) -> None:
        """Give out no further worker, for a reason."""
        self._run_end.stop(reason)

    def close(self) -> None:
        """End the worker that nobody asked for any more."""
        self._spare.close()

    def _start(self) -> PlainChannel:
        scratch = self._folder / f"scratch-{next(self._numbers)}"
        scratch.mkdir()
        listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        port = listener.getsockname()[1]
        token = secrets.token_bytes(TOKEN_BYTES)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "autograder.sandbox.jailed.plain_main", str(port), *self._preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=environment,
        )
        assert process.stdin is not None
        process.stdin.write(token)
        process.stdin.close()
        return PlainChannel(process, listener, token)


class PlainChannel:
    """The grader's end of a subprocess's socket."""

    meter: Meter | None = None

    def __init__(self, process: subprocess.Popen[bytes], listener: socket.socket, token: bytes) -> None:
        self._process = process
        self._listener = listener
        self._token = token
        self._stream: socket.socket | None = None
        self._end: int | None = None

    def wait_until_ready(self, wait: Wait) -> None:
        """Wait for the subprocess to call; raise `WorkersLost` where it does not."""
        while self._stream is None:
            if self._process.poll() is not None or wait.left() <= 0:
                self.close()
                raise WorkersLost("a worker did not start")
            self._listener.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                self._accept(self._listener.accept()[0])
        self._listener.close()

    def _accept(self, stream: socket.socket) -> None:
        stream.settimeout(10)
        with contextlib.suppress(OSError):
            if hmac.compare_digest(stream.recv(TOKEN_BYTES, socket.MSG_WAITALL), self._token):
                stream.settimeout(None)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._stream = stream
                return
        stream.close()

    def exchange(self, header: Any, buffers: list[memoryview], deadline: Deadline | None, serve: Serve) -> Frame:
        """Send a request and return the answer; ``serve`` answers the questions that come before it."""
        if self._stream is None:
            raise Closed
        write_frame(self._stream, header, buffers, deadline)
        while True:
            frame = read_frame(self._stream, Limits(), deadline)
            if not is_question(frame):
                return frame
            write_frame(self._stream, *serve(frame), deadline)
            check_deadline(deadline)

    def close(self) -> None:
        """End the subprocess."""
        for stream in (self._stream, self._listener):
            if stream is not None:
                stream.close()
        self._stream = None
        self._end = self._process.poll()
        if self._end is None:
            self._process.kill()
            self._process.wait()

    def explain_end(self) -> str:
        """Say in words how the subprocess ended, where it has ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.close()
        return "" if self._end is None else f" (it ended with status {self._end})"
