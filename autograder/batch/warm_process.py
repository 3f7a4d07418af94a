"""A warm grader in a process of its own, and the handle on it.

The process is ``python -P -m autograder.batch.warm_process DESCRIPTOR``. It starts with a clean environment, and knows
of a class one submission at a time, by its path. It is told what to grade through a socket whose number is its
argument, and ends with whoever started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from autograder.errors import UnreadableSubmission, UserError
from autograder.launch import clean_environment

START_SECONDS = 600.0
"""Longest wait for the imports of a grader, on a machine on which all do that at once."""
END_SECONDS = 30.0


class ProcessLost(Exception):
    """The process is gone, in the words of whoever lost it; another one can be started."""


@dataclass(frozen=True)
class GraderSpec:
    """What a warm grader grades, and how: the same for all submissions of a batch."""

    root: str
    slug: str
    only: tuple[str, ...] = ()
    training: bool = True
    strict: bool = True
    device: str = "auto"
    deadline: float | None = None


class WarmProcess:
    """The handle on a process that grades one submission after the other."""

    def __init__(self, spec: GraderSpec) -> None:
        """Start it; raise `UserError` where the assignment cannot be graded, `ProcessLost` where it does not start."""
        self.spec = spec
        self._stream, theirs = Pipe()
        command = [sys.executable, "-P", "-m", "autograder.batch.warm_process", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=clean_environment(), stdin=subprocess.DEVNULL
        )
        theirs.close()
        try:
            self._ask(asdict(spec))
        except BaseException:
            self.close()
            raise

    def grade(self, path: Path) -> dict[str, Any]:
        """Return the result of what is at ``path``, as JSON values.

        Raises `UnreadableSubmission` where nothing can be read, and `ProcessLost` where the grader broke.
        """
        return self._ask({"path": os.fsencode(path).hex()})["result"]  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process with all that it started."""
        self._stream.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once, from any thread; who waits for it learns that it is lost."""
        self._process.kill()

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            self._stream.send_bytes(json.dumps(message).encode())
            answer: dict[str, Any] = json.loads(self._stream.recv_bytes())
        except (EOFError, OSError):
            raise ProcessLost(f"a grader {self._how_it_ended()}") from None
        if "unreadable" in answer:
            raise UnreadableSubmission(answer["unreadable"])
        if "user_error" in answer:
            raise UserError(answer["user_error"])
        if "broke" in answer:
            raise ProcessLost(answer["broke"])
        return answer

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "does not answer"
        return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def _serve(stream: Connection) -> None:
    """Grade what comes through the socket until nobody is at its other end."""
    from autograder.assignment import load_assignment
    from autograder.grading.options import Device, Options
    from autograder.grading.warm import open_warm_grader

    spec = GraderSpec(**json.loads(stream.recv_bytes()))
    options = Options(
        frozenset(spec.only), spec.training, strict=spec.strict, device=Device(spec.device), deadline=spec.deadline
    )
    with open_warm_grader(load_assignment(Path(spec.root), spec.slug), options) as grader:
        stream.send_bytes(b"{}")
        while True:
            path = Path(os.fsdecode(bytes.fromhex(json.loads(stream.recv_bytes())["path"])))
            _answer(stream, lambda path=path: {"result": grader.grade(path).model_dump(mode="json")})  # type: ignore[misc]


def _answer(stream: Connection, work: Callable[[], dict[str, Any]]) -> None:
    from autograder.grading.grader_error import GraderError

    try:
        answer = work()
    except UnreadableSubmission as error:
        answer = {"unreadable": str(error)}
    except UserError as error:
        answer = {"user_error": str(error)}
    except (GraderError, OSError) as error:
        answer = {"broke": str(error)}
    stream.send_bytes(json.dumps(answer).encode())


def main(descriptor: int) -> None:
    """Be the process: ``descriptor`` is the socket to whoever started it."""
    from autograder.grading.forks import end_with_parent
    from autograder.proofs import refuse_exposed

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this decides what Ctrl-C means
    end_with_parent(os.getppid())
    stream = Connection(descriptor)
    try:
        refuse_exposed()
        _serve(stream)
    except EOFError:
        pass
    except UserError as error:
        stream.send_bytes(json.dumps({"user_error": str(error)}).encode())
    except Exception as error:
        stream.send_bytes(json.dumps({"broke": f"{type(error).__name__}: {error}"}).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
