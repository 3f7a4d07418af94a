"""The program of a worker that is a plain subprocess; see `autograder.sandbox.trusted.plain_workers`."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
import tempfile
from collections.abc import Sequence

from autograder.sandbox.jailed.worker import serve
from autograder.sandbox.shared.wire import Closed


def main(port: int, preload: Sequence[str]) -> None:
    """Be a worker: import what submissions import, call the grader, answer until it hangs up."""
    token = sys.stdin.buffer.read()
    for name in preload:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    tempfile.tempdir = None
    stream = socket.create_connection(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(token)
    with contextlib.suppress(Closed):
        serve(stream)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
