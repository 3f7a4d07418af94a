"""The life of a worker behind the walls: it answers the grader's requests until that hangs up."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from autograder.sandbox.jailed import compat, instruments, trainee  # noqa: F401  (probes import them, behind the walls)
from autograder.sandbox.jailed.executor import Executor
from autograder.sandbox.jailed.loading import Loader
from autograder.sandbox.shared.wire import Frame, Limits, read_frame, write_frame

TRUSTED = Limits(header=64 * 2**20, payload=2**32)
"""What the worker reads comes from the grader."""


def serve(stream: socket.socket) -> NoReturn:
    """Answer the grader's requests; raise `Closed` when it hangs up."""
    compat.install()

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
        scripts=settings["scripts"],
    )
    sys.meta_path.append(loader)
    if settings["devices_on_cpu"]:
        compat.put_devices_on_cpu()
    return loader
