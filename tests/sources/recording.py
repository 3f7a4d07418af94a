"""Where the values come from that a check gets from the worker, written down while trusted files are graded.

A channel sees everything that crosses. It names the origin of every value by what was asked for in the worker:

- ``vae.VAE.encode()``: what a call of the submission's gave, ``ddpm.betas``: a value that was read
- ``probes.Trainee.steps()``: the same of code that the grader loads beside the submission
- ``exists(vae.VAE.loss)``: whether a name is there
- ``drawn(hw5.plot())``: the figures of a call, ``drawn()``: those that were open
- ``lent Watched``: what was asked of a function that stayed on the trusted side, by its class or name

None and objects that stay in the worker carry nothing. Gradients carry no more than the value that they are of.
Answers of stand-ins are left out: what those are asked is recorded nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

import torch

from autograder.assignment import Assignment
from autograder.checks import StandIns
from autograder.grading.plugin import Check
from autograder.grading.running import CheckRunner
from autograder.grading.seeds import check_seed, secret_seed
from autograder.grading.trusted_files import open_trusted
from autograder.results import Outcome
from autograder.sandbox.in_process import InProcessChannel
from autograder.sandbox.shared.wire import Deadline, Frame
from autograder.sandbox.trusted.callbacks import Answer, kind_of
from autograder.sandbox.trusted.channel import Serve
from autograder.sandbox.trusted.session import OpenAnother, Session
from autograder.sandbox.trusted.stand_ins import HostModel, stand_ins_of
from autograder.verify.execution.suite import CheckSuite

SEED = "sources"


def sources_of_checks(
    suite: CheckSuite, folder: Path, checks: Iterable[Check] | None = None
) -> Iterator[tuple[Check, set[str]]]:
    """Grade a folder of trusted files; yield each check and the sources of what it got. All checks must pass."""
    assignment = suite.assignment
    for check, fixtures in suite.checks:
        if checks is not None and check not in checks:
            continue
        found: set[str] = set()
        origin = (SEED, assignment.slug, assignment.manifest.version, check.id)
        runner = CheckRunner(
            check.function, check.declaration, fixtures, check_seed(*origin), secret=secret_seed(*origin)
        )
        verdict = runner.grade(
            partial(_open, assignment, folder, found), stand_ins_of(suite.stand_ins, check.item, check.id), None
        )
        assert verdict.outcome is Outcome.PASS, (check.id, verdict)
        yield check, found


def _open(
    assignment: Assignment,
    folder: Path,
    found: set[str],
    stand_ins: StandIns | None,
    open_another: OpenAnother | None,
) -> Session:
    session = open_trusted(assignment, folder, stand_ins, open_another)
    session._channel = RecordingChannel(session._channel, session, found)
    return session


class RecordingChannel:
    """Hands everything on to the channel of a session with trusted code; adds to ``found`` where values are from."""

    meter = None

    def __init__(self, inner: InProcessChannel, session: Session, found: set[str]) -> None:
        self._inner, self._session, self._found = inner, session, found
        self._origins: dict[int, str] = {}

    def exchange(self, header: Any, buffers: list[memoryview], deadline: Deadline | None, serve: Serve) -> Frame:
        """Do a request; see `Channel`."""
        executor = self._inner._executor
        before = executor._next_handle
        if "begin" in header:
            self._origins.clear()
        frame = self._inner.exchange(header, buffers, deadline, partial(self._serve, serve))
        if header["op"] in ("call", "get", "has", "drawn"):
            source = self._source(header)
            self._origins.update(dict.fromkeys(range(before, executor._next_handle), source))
            if _carries(frame.header):
                self._found.add(source)
        return frame

    def close(self) -> None:
        """See `Channel`."""
        self._inner.close()

    def explain_end(self) -> str:
        """See `Channel`."""
        return self._inner.explain_end()

    def _serve(self, serve: Serve, frame: Frame) -> Answer:
        asked = self._session.callbacks._functions[frame.header["number"]] if kind_of(frame) == "callback" else None
        if isinstance(asked, HostModel):
            name = getattr(asked.function, "__qualname__", type(asked.function).__qualname__)
            self._found.add(f"lent {name.replace('.<locals>', '')}")
        return serve(frame)

    def _source(self, header: Any) -> str:
        if header["op"] == "drawn":
            return f"drawn({'' if header['of'] is None else self._named(*header['of'], called=False)})"
        named = self._named(header["base"], header["path"], called=header["op"] == "call")
        return f"exists({named})" if header["op"] == "has" else named

    def _named(self, base: str | int, path: list[str], *, called: bool) -> str:
        """The name of what was asked for, by where it is defined if that is said, else by the way that led there."""
        executor = self._inner._executor
        value = executor.loader.modules.get(base) if isinstance(base, str) else executor._objects.get(base)
        name = base if isinstance(base, str) else self._home(type(value)) or self._origins.get(base, "?")
        for part in path:
            value = getattr(value, part, None)
            name = f"{name}.{part}"
        if not called:
            return name
        if isinstance(value, FunctionType | MethodType) and path[-1:] != [value.__name__]:
            name = self._home(value) or name
        elif not path and not isinstance(value, type | FunctionType | MethodType):
            name += ".forward" if isinstance(value, torch.nn.Module) else ".__call__"
        return f"{name}()"

    def _home(self, value: Any) -> str:
        """Module and name of a class or function that the worker loaded from a file; "" for one of anywhere else."""
        known = value.__module__ in self._inner._executor.loader.modules
        return f"{value.__module__}.{value.__qualname__}".replace(".<locals>", "") if known else ""


def _carries(answer: Any) -> bool:
    """Whether an answer is more than None or an object that stays in the worker; an exception is more."""
    value = answer.get("v")
    is_object = isinstance(value, list) and value[:1] == ["o"]
    return answer["k"] != "value" or (value is not None and not is_object)
