"""The start of a worker: from the fork of the zygote to the jail around it. Nothing of a submission runs yet."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NoReturn

from autograder.sandbox.shared.wire import Closed, write_frame
from autograder.sandbox.trusted import jail

ServeGrader = Callable[[socket.socket], NoReturn]
"""The life of a worker once it is jailed: it answers requests, and raises `Closed` when the grader hangs up."""


def start(stream: socket.socket, settings: Mapping[str, Any], tree: Mapping[str, str], serve: ServeGrader) -> NoReturn:
    """Jail this process, say which walls hold, and let it serve the grader until that hangs up.

    ``tree`` are the settings of `jail.build_tree`. All that ``serve`` needs is imported before the fork: behind the
    walls a worker may not even be able to read this package.
    """
    status = 1
    try:
        os.setsid()
        only_keep(stream.fileno())
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


def only_keep(descriptor: int) -> None:
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
