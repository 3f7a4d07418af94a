"""The process that zygotes are forked from: one for each place that workers get, such as that of one submission.

It is forked from the grader after the heavy imports and before any secret is read, and does nothing else: whatever is
forked from it later knows as little as it does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from autograder.sandbox.trusted import huge_pages
from autograder.sandbox.trusted.faults import WorkersLost
from autograder.sandbox.trusted.worker_start import ServeGrader, only_keep
from autograder.sandbox.trusted.zygote import Zygote
from autograder.sandbox.trusted.zygote_main import forget_start, live, remove

END_SECONDS = 10.0


@dataclass(frozen=True)
class ZygoteOrder:
    """A zygote on its way: the grader's end of its socket, and what it was told."""

    control: socket.socket
    folder: Path
    readable: tuple[str, ...]

    def start(self, *, memory: int, cpu_seconds: float, run_ends: float | None = None) -> Zygote:
        """Return the handle, in this process or in a fork of it; the parameters are those of `Zygote`."""
        return Zygote(
            self.control, self.folder, self.readable, memory=memory, cpu_seconds=cpu_seconds, run_ends=run_ends
        )

    def close(self) -> None:
        """Give up this process's end, where a fork of it has taken the handle. The zygote ends with the last one."""
        self.control.close()


class ZygoteFactory:
    """The grader's handle. ``folder`` is private to the run: where the grader dies, the factory removes it.

    ``serve`` is what workers do once they are jailed.
    """

    def __init__(self, folder: Path, serve: ServeGrader) -> None:
        self._folder = folder.resolve()
        self._control, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()
        self._pid = os.fork()
        if self._pid == 0:
            self._control.close()
            _make_zygotes(theirs, self._folder, serve)
        theirs.close()

    def order(self, folder: Path, readable: Iterable[str], *, many: bool = False) -> ZygoteOrder:
        """Ask for a zygote whose workers have their scratch folders in ``folder``, without waiting for it.

        ``readable`` names the files and folders that these may read, from that folder on. Where ``many`` workers will
        come from the factory, it first makes their forks cheaper. Raises `WorkersLost`.
        """
        folder = folder.resolve()
        places = tuple(str(folder / name) for name in readable)
        ours, theirs = socket.socketpair()
        with theirs:
            order = json.dumps({"folder": str(folder), "readable": places, "many": many}).encode()
            try:
                socket.send_fds(self._control, [order], [theirs.fileno()])
            except OSError:
                ours.close()
                raise WorkersLost("the process that workers come from is gone") from None
        return ZygoteOrder(ours, folder, places)

    def close(self) -> None:
        """End the factory. Zygotes end with those who hold them."""
        gc.unfreeze()  # some extension modules report objects that the collector never saw as leaks
        with contextlib.suppress(OSError):
            self._control.send(b"leave")
        self._control.close()
        _wait_for(self._pid, END_SECONDS)

    def abandon(self) -> None:
        """Give up a fork's copy of the handle; the factory stays that of the process that made it."""
        self._control.close()


def _make_zygotes(control: socket.socket, folder: Path, serve: ServeGrader) -> NoReturn:
    """Be the factory: fork a zygote for each order, until the grader leaves. If it died, remove its folder too."""
    collapsed = left = False
    try:
        os.setsid()
        only_keep(control.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        gc.disable()
        os.chdir(folder)
        forget_start()
        while True:
            data, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
            if not data or (left := data == b"leave"):
                break
            order = json.loads(data)
            if order["many"] and not collapsed:
                collapsed = True
                huge_pages.collapse()
            if os.fork() == 0:
                control.close()
                live(socket.socket(fileno=descriptors[0]), Path(order["folder"]), order["readable"], serve)
            os.close(descriptors[0])
            _reap()
    except OSError:
        pass
    finally:
        _wait_for(-1, END_SECONDS)
        if not left:
            remove(folder)
        os._exit(0)


def _reap() -> None:
    """Take note of zygotes that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def _wait_for(pid: int, seconds: float) -> None:
    """Wait for a child, and kill it where it takes longer than it may; for all children, with -1, without killing."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(pid, os.WNOHANG)[0]) == 0 or pid == -1:
            if time.monotonic() > deadline and not ended:
                if pid == -1:
                    return
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
