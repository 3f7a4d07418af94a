"""Many tasks in child processes, each with a time limit: a task that loops or allocates for ever costs only itself."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from autograder.errors import UserError
from autograder.grading.grader_error import GraderError
from autograder.verify.execution.progress import Progress

Handler = Callable[[Any], Any]
PREPARATION_SECONDS = 300.0
MEMORY_MB = 4096


@dataclass(frozen=True)
class Lost:
    """A task without an answer, and why."""

    reason: str


@dataclass
class _Child:
    process: BaseProcess
    connection: Connection
    task: int | None  # None until it is prepared
    deadline: float

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def in_children(
    prepare: Callable[[], Handler], tasks: Sequence[Any], *, jobs: int, seconds: float, progress: Progress | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield (number of the task, answer) as answers come; the answer is `Lost` where a task took too long or crashed.

    ``prepare`` is called once in each child and returns what is called with each task. Tasks and answers are what JSON
    can say. What raises ends everything: `UserError` where it did so, `GraderError` with its traceback otherwise.
    """
    waiting = list(reversed(range(len(tasks))))
    children: list[_Child] = []
    done = 0
    try:
        while waiting or children:
            idle = sum(child.task is None for child in children)
            for _ in range(min(jobs - len(children), len(waiting) - idle)):
                children.append(_start(prepare))
            for answer in _round(children, tasks, waiting, seconds):
                done += 1
                if progress is not None:
                    progress(done, len(tasks))
                yield answer
    finally:
        for child in children:
            child.end()


def _round(
    children: list[_Child], tasks: Sequence[Any], waiting: list[int], seconds: float
) -> Iterator[tuple[int, Any]]:
    """Wait until some child has something to say or has run out of time, and see to it."""
    left = max(0.0, min(child.deadline for child in children) - time.monotonic())
    ready = wait([child.connection for child in children], left)
    for child in list(children):
        answer: Any = None
        if child.connection in ready:
            answer = _receive(child)
        elif time.monotonic() >= child.deadline:
            answer = Lost("took too long")
        else:
            continue
        if child.task is not None:
            yield child.task, answer
        elif isinstance(answer, Lost):
            raise GraderError(f"a process that was to run checks {answer.reason} before it had begun")
        if isinstance(answer, Lost) or not waiting:
            child.end()
            children.remove(child)
        else:
            child.task, child.deadline = waiting.pop(), time.monotonic() + seconds
            child.connection.send_bytes(json.dumps(tasks[child.task]).encode())


def _start(prepare: Callable[[], Handler]) -> _Child:
    # A fork shares what is loaded already; elsewhere than on Linux, forking a process that has used torch is unsafe.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, prepare, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    return _Child(process, ours, None, time.monotonic() + PREPARATION_SECONDS)


def _receive(child: _Child) -> Any:
    try:
        answer = json.loads(child.connection.recv_bytes())
    except (EOFError, OSError):
        child.process.join()
        return Lost(f"ended with status {child.process.exitcode}")
    if "misuse" in answer:
        raise UserError(answer["misuse"])
    if "error" in answer:
        raise GraderError(answer["error"])
    return answer["answer"]


def _serve(connection: Connection, prepare: Callable[[], Handler], parent: int) -> None:
    _silence()
    _limit_memory()
    try:
        handler = prepare()
        _be_courteous()
        gc.freeze()  # what is there by now stays: it need not be looked at again and again
        _send(connection, {"answer": None})
        while (task := _next(connection, parent)) is not None:
            _send(connection, {"answer": handler(json.loads(task))})
    except UserError as error:
        _send(connection, {"misuse": str(error)})
    except BaseException:
        _send(connection, {"error": traceback.format_exc(limit=-12)})
    os._exit(0)  # what was loaded for a parent (its buffers, its exit handlers) is not ours to end


def _be_courteous() -> None:
    """Treat code as a worker does: a child may have no children, so data are loaded in the process itself."""
    if "torch" in sys.modules:
        from autograder.sandbox.in_process import install_compat

        install_compat()


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _next(connection: Connection, parent: int) -> bytes | None:
    """The next task; None once there is nobody left who could give one."""
    try:
        while not connection.poll(5.0):
            if os.getppid() != parent:  # a brother may hold the other end open, so its closing is no sure sign
                return None
        return connection.recv_bytes()
    except (EOFError, OSError):
        return None


def _silence() -> None:
    """Send progress bars and warnings of the code that is tried nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = MEMORY_MB * 2**20
    if hard == resource.RLIM_INFINITY or hard > wanted:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
