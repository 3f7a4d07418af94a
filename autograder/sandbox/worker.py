"""The life of a worker: from the fork of the zygote, through the jail, to the last answer.

All that it needs is imported before the fork: behind the walls it may not even be able to read this package.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from autograder.sandbox import courtesies, instruments, jail  # noqa: F401  (probes import instruments, behind the walls)
from autograder.sandbox.executor import Executor
from autograder.sandbox.loading import Loader
from autograder.sandbox.wire import Closed, Frame, Limits, read_frame, write_frame

TRUSTED = Limits(header=64 * 2**20, payload=2**32)
"""What the worker reads comes from the grader."""


def run(stream: socket.socket, settings: Mapping[str, Any], tree: Mapping[str, str]) -> NoReturn:
    """Jail this process, say which walls hold, and answer requests until the grader hangs up.

    ``tree`` are the settings of `jail.build_tree`.
    """
    status = 1
    try:
        os.setsid()
        _only_keep(stream.fileno())
        os.chdir(settings["jail"]["scratch"])
        for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME"):
            os.environ[name] = settings["jail"]["scratch"]
        tempfile.tempdir = None  # what the grader found out may be no place for us
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        walls = jail.enter(jail.JailSettings(**(settings["jail"] | tree)))
        write_frame(stream, {"k": "ready", "walls": [asdict(wall) for wall in walls]}, [])
        gc.enable()
        serve(stream)
    except Closed:
        status = 0
    finally:
        os._exit(status)


def serve(stream: socket.socket) -> NoReturn:
    """Answer the grader's requests; raise `Closed` when it hangs up."""
    courtesies.install()

    def upcall(question: Any, buffers: list[memoryview]) -> Frame:
        write_frame(stream, question, buffers)
        return read_frame(stream, TRUSTED)

    executor = Executor(_make_loader, upcall)
    while True:
        frame = read_frame(stream, TRUSTED)
        write_frame(stream, *executor.handle(frame))


def _make_loader(settings: Mapping[str, Any]) -> Loader:
    sys.argv[:] = [str(Path(settings["folder"]) / settings.get("program", ""))]
    loader = Loader(
        Path(settings["folder"]),
        extra=map(Path, settings["extra"]),
        skip=[(file, line) for file, line in settings["skip"]],
        bind=settings["bind"],
        on_caught=settings["on_caught"],
        statement_seconds=settings["statement_seconds"],
        unordered=settings.get("unordered", ()),
    )
    sys.meta_path.append(loader)
    if settings["devices_on_cpu"]:
        courtesies.put_devices_on_cpu()
    return loader


def _only_keep(descriptor: int) -> None:
    """Close every other descriptor and let the standard streams lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, 65536)
    # whatever stood for them in the grader (a notebook's, a redirection's) may use a descriptor that is now closed
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False)
