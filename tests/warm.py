"""The real command without its start: each call is a fork of a process that has imported what grading imports.

For tests of what the command does. How it starts (its clean environment, what it imports before it forks workers, what
it costs) is tested with the command itself, `tests.tiny.command`.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 300
MAX_REQUEST = 2**20


def command(
    *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command ``autograder``, as `tests.tiny.command` does."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        request = {
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "environment": {**os.environ, **(environment or {})},
        }
        status = _server().ask(request, [out.fileno(), err.fileno()])
        out.seek(0)
        err.seek(0)
        texts = [file.read().decode("utf-8", "replace") for file in (out, err)]
    return subprocess.CompletedProcess(list(arguments), status, *texts)


class _Server:
    """The process that forks; it ends with this one, whose end of the socket it listens to."""

    def __init__(self) -> None:
        from autograder.launch import FIXED, PASSED_ON

        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(SECONDS)
        program = [sys.executable, "-P", __file__, str(theirs.fileno())]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED
        self._process = subprocess.Popen(program, pass_fds=[theirs.fileno()], env=environment, start_new_session=True)
        theirs.close()

    def ask(self, request: dict[str, object], descriptors: list[int]) -> int:
        """Return the exit status of one call; raise `TimeoutError` where it takes too long."""
        socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        try:
            return int(self._socket.recv(64))
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            _server.cache_clear()
            raise


@functools.cache
def _server() -> _Server:
    return _Server()


def _serve(listening: socket.socket) -> dict[str, object]:
    """Fork for every request, and return it in the child."""
    while True:
        data, descriptors, *_ = socket.recv_fds(listening, MAX_REQUEST, 2)
        if not data:
            raise SystemExit(0)
        if (pid := os.fork()) == 0:
            listening.close()
            for number, descriptor in enumerate(descriptors, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            request: dict[str, object] = json.loads(data)
            return request
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        listening.send(str(os.waitstatus_to_exitcode(status)).encode())


def _main(descriptor: int) -> None:
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401
    import scipy.special  # noqa: F401
    import torch  # noqa: F401

    import autograder.grading.environment
    import autograder.grading_commands  # noqa: F401
    from autograder.__main__ import main
    from autograder.launch import FIXED, PASSED_ON

    gc.collect()
    gc.freeze()
    request = _serve(socket.socket(fileno=descriptor))
    given = request["environment"]
    assert isinstance(given, dict) and isinstance(request["arguments"], list)
    os.environ.clear()
    os.environ.update({name: given[name] for name in PASSED_ON if name in given} | FIXED)
    os.chdir(str(request["cwd"]))
    sys.argv = ["autograder", *request["arguments"]]
    main()


if __name__ == "__main__":
    _main(int(sys.argv[1]))
