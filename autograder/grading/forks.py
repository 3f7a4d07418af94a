"""Forks of the grader: each begins where its parent is, does one thing, and answers in JSON.

What a fork changes in its memory reaches nobody: the next one begins where this one began.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe
from typing import Any

from autograder.errors import UnreadableSubmission, UserError
from autograder.grading.grader_error import GraderError

Message = Mapping[str, Any]
KINDS: dict[str, type[Exception]] = {
    "unreadable": UnreadableSubmission,
    "user_error": UserError,
    "grader_error": GraderError,
}
"""Exceptions that a parent raises as its fork did, by what a message calls them; special ones first."""
PR_SET_PDEATHSIG = 1
END_SECONDS = 20.0
"""How long a fork that is to end may take for its workers and folders."""


class ParentSide:
    """The parent's handle on a fork."""

    def __init__(self, work: Callable[[ForkSide], None]) -> None:
        """Fork this process; the fork does the ``work``, and ends. It ends with its parent, too."""
        self._stream, theirs = Pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._stream.close()
            _live(work, ForkSide(theirs), parent)
        theirs.close()
        self._ended = False

    def fileno(self) -> int:
        """Return the descriptor on which messages come, for `multiprocessing.connection.wait`."""
        return self._stream.fileno()

    def send(self, message: Message) -> None:
        """Tell the fork something; nothing happens where it has ended."""
        with contextlib.suppress(OSError):
            self._stream.send_bytes(json.dumps(message).encode())

    def receive(self) -> dict[str, Any]:
        """Return the next message. Raises what the fork was ended by, and `GraderError` where it is simply gone."""
        try:
            message: dict[str, Any] = json.loads(self._stream.recv_bytes())
        except (EOFError, OSError):
            raise GraderError(f"a process of the grader {self._how_it_ended()}") from None
        for name, kind in KINDS.items():
            if name in message:
                raise kind(message[name])
        return message

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the fork, if it lives."""
        if not self._ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self, seconds: float = END_SECONDS) -> None:
        """Wait for the fork's end, and kill it where it takes longer than it may."""
        self._stream.close()
        if not self._ended:
            self._wait(seconds)

    def _wait(self, seconds: float) -> int:
        ends = time.monotonic() + seconds
        while (found := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > ends:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.001)
        self._ended = True
        return found[1]

    def _how_it_ended(self) -> str:
        status = self._wait(END_SECONDS) if not self._ended else 0
        if os.WIFSIGNALED(status):
            return f"was ended by signal {os.WTERMSIG(status)}"
        return "ended before it was done"


class ForkSide:
    """The fork's handle on its parent."""

    def __init__(self, stream: Connection) -> None:
        self._stream = stream

    def send(self, message: Message) -> None:
        """Tell the parent something."""
        self._stream.send_bytes(json.dumps(message).encode())

    def receive(self) -> dict[str, Any]:
        """Return the next message of the parent; the fork ends where there is no parent any more."""
        try:
            return json.loads(self._stream.recv_bytes())  # type: ignore[no-any-return]
        except (EOFError, OSError):
            os._exit(1)


def _live(work: Callable[[ForkSide], None], side: ForkSide, parent: int) -> None:
    status = 1
    try:
        end_with_parent(parent)
        work(side)
        status = 0
    except tuple(KINDS.values()) as error:
        _tell(side, {next(name for name, kind in KINDS.items() if isinstance(error, kind)): str(error)})
    except BaseException:
        _tell(side, {"grader_error": f"\n{traceback.format_exc()}"})
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _tell(side: ForkSide, message: Message) -> None:
    with contextlib.suppress(OSError):
        side.send(message)


def end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, whatever that ended by."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)
