"""Running one check against one submission, and what becomes of it.

A check runs first with its item's stand-ins for other blanks, then as handed in; one of the two must hold. Where it
fails, its body is run again on the reference, in process, on the same example: if that raises too, the fault is ours.
"""

from __future__ import annotations

import gc
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import hypothesis
from hypothesis import strategies

from autograder.checks.assertions.tensor_assertions import UNFILLED
from autograder.checks.authoring.declaring import Declaration
from autograder.checks.authoring.describing import describe
from autograder.checks.authoring.pinning import pin_hypothesis, settings_for
from autograder.checks.authoring.secret import keeping_secret
from autograder.checks.authoring.showing import collecting_exhibits
from autograder.grading.interruption import Bound, unbounded
from autograder.results import Exhibit, Failure, Outcome
from autograder.sandbox.trusted.example import Call, EnoughReplies, Raised
from autograder.sandbox.trusted.faults import NotEnoughTime, SubmissionFault, SubmissionRaised, WorkerLost
from autograder.sandbox.trusted.remote import is_ellipsis
from autograder.sandbox.trusted.session import OpenAnother, Session
from autograder.sandbox.trusted.stand_ins import StandIns

MAX_SHRINKS = 60
"""Failing examples that are tried on the way to a smaller one."""
MAX_INPUT_TEXT = 1500
UNPROVED = "there was no time left to try this check on the reference, without which a failure proves nothing"
_OF_THE_SUBMISSION = (SubmissionFault, WorkerLost)
"""What a submission alone makes a check raise; anything else may be the check's own fault."""

OpenSession = Callable[[StandIns | None, OpenAnother | None], Session]
"""Opens a session with a fresh worker, which is told how to open another one."""
OpenReference = Callable[[OpenAnother | None], Session]
Body = Callable[..., None]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. ``builtin`` is the built-in name of the exception that the submission raised."""

    outcome: Outcome
    failure: Failure | None = None
    builtin: str = ""
    staff_note: str = ""
    evidence: Evidence | None = None
    """What a known mistake would have to reproduce to explain a FAIL; None where it cannot be said."""
    exhibits: tuple[Exhibit, ...] = ()
    stopped: bool = False
    """Whether the worker ended before the check did: out of time, out of memory, or by itself."""
    limit: str = ""
    """Which limit the worker passed, in a fixed sentence; "" where it was none."""

    @property
    def by_comparison(self) -> bool:
        """Whether a value was found wrong, rather than that an exception or a value of another kind came back."""
        return self.outcome is Outcome.FAIL and not self.builtin and not self.staff_note


@dataclass(frozen=True)
class Evidence:
    """The first failing example of a check, which is still in generic position, and everything that was replied."""

    runner: CheckRunner
    stand_ins: StandIns | None
    drawn: Mapping[str, Any]
    replies: Sequence[Any]
    unaided: Evidence | None = None
    """What the same check found without stand-ins, which code may pass by."""
    constants: Mapping[tuple[str, str], int | float] = field(default_factory=dict)
    """The numbers that the check read from the submission, by module and name."""
    adopted: Mapping[tuple[str, str], int | float] = field(default_factory=dict)
    """Those of them that are put in the place of a session's own before the check is run there."""

    def adopting(self, constants: Mapping[tuple[str, str], int | float]) -> Evidence:
        """The same, to be compared with code that takes over a submission's numbers."""
        return replace(self, adopted=constants)

    def _begin(self, session: Session, shift: int = 0, enough: int | None = None) -> None:
        session.begin(self.runner.seed + shift, enough=enough)
        for (module, name), value in self.adopted.items():
            session.assign(module, (name,), value)

    def replay(self, session: Session, *, shift: int = 0) -> Sequence[Any] | None:
        """Run the check on the same example in another session, and return what is replied there.

        One reply more than here is a difference already, and ends the check. With a ``shift``, generators start at
        another point.
        """
        self._begin(session, shift, len(self.replies))
        with suppress(Exception, WorkerLost, EnoughReplies):
            self.runner.run_body(session, self.drawn)
        return session.example.replies

    def holds(self, session: Session) -> bool:
        """Whether the check passes on the same example in another session."""
        self._begin(session)
        try:
            self.runner.run_body(session, self.drawn)
        except (Exception, WorkerLost):
            return False
        return True


@dataclass(frozen=True)
class RemoteName:
    """A fixture's value before there is a session: the name of a module in the worker."""

    name: str


@dataclass
class Fault:
    """The last failing example: what was drawn, what was raised, what had been called."""

    drawn: dict[str, Any]
    error: BaseException
    calls: list[Call] = field(default_factory=list)
    evidence: Evidence | None = None
    came: Any = None
    """What was replied last."""


class _EnoughShrinking(BaseException):
    """Ends Hypothesis's search for a smaller example."""


@dataclass(frozen=True)
class CheckRunner:
    """Runs one check. ``seed`` fixes everything that is drawn on either side, ``secret`` what only this side knows.

    A check that is ``costly``, as training is, runs once: where a measured value fails, it is not run on the reference.
    """

    body: Body
    declaration: Declaration
    fixtures: Mapping[str, Any]
    seed: int
    max_shrinks: int = MAX_SHRINKS
    secret: int = 0
    costly: bool = False

    def grade(
        self,
        open_session: OpenSession,
        stand_ins: StandIns | None,
        open_reference: OpenReference | None,
        bounded: Callable[[], AbstractContextManager[Bound]] = unbounded,
    ) -> Verdict:
        """Return the verdict on the submission that ``open_session`` gives access to.

        The run on the reference is in a block that ``bounded`` gives; raises `NotEnoughTime` where it was cut short.
        """
        if self.costly:  # trainings leave few objects of many bytes in cycles: by itself, the collector comes late
            gc.collect()
        first: Fault | None = None
        shown: list[Exhibit] = []
        for variant in (stand_ins, None) if stand_ins else (None,):
            fault = self._try(open_session, variant, shown)
            if fault is None:
                return Verdict(Outcome.PASS, exhibits=tuple(shown))
            if first is None:
                first = fault
            elif first.evidence is not None:
                first = replace(first, evidence=replace(first.evidence, unaided=fault.evidence))
        assert first is not None
        rerun = open_reference is not None and not (self.costly and isinstance(first.error, _OF_THE_SUBMISSION))
        if open_reference is not None and rerun:
            broken = ""
            with bounded() as bound:
                broken = "" if bound.over else self._fails_on_reference(first, open_reference)
            if bound.over:
                raise NotEnoughTime(UNPROVED)
            if broken:
                return Verdict(Outcome.ERROR, staff_note=broken)
        return replace(self._verdict(first), exhibits=tuple(shown))

    def _try(self, open_session: OpenSession, stand_ins: StandIns | None, shown: list[Exhibit]) -> Fault | None:
        """Run the check once in one fresh session; return the smallest failing example, None where all hold."""
        try:
            session = open_session(stand_ins, partial(open_session, stand_ins, None))
        except WorkerLost as error:
            return Fault({}, error)
        found: list[Fault] = []

        def once(drawn: dict[str, Any]) -> None:
            session.begin(self.seed)
            try:
                with collecting_exhibits(shown):
                    self.run_body(session, drawn)
            except (Exception, WorkerLost) as error:
                if not _is_rejection(error):
                    evidence = found[0].evidence if found else self._evidence(error, stand_ins, drawn, session)
                    came = session.example.replies[-1] if session.example.replies else None
                    found.append(Fault(drawn, error, session.example.calls, evidence, came))
                    if len(found) > self.max_shrinks:
                        raise _EnoughShrinking from error
                raise

        try:
            if self.declaration.strategies:
                self._search(once)
            else:
                once({})
        except (Exception, WorkerLost, _EnoughShrinking) as error:
            return found[-1] if found else Fault({}, error)
        finally:
            session.close()
        return None

    def _search(self, once: Callable[[dict[str, Any]], None]) -> None:
        pin_hypothesis()

        def test(drawn: dict[str, Any]) -> None:
            once(drawn)

        inputs = strategies.fixed_dictionaries(self.declaration.strategies)
        prepared = settings_for(self.declaration.examples)(hypothesis.given(drawn=inputs)(test))
        hypothesis.seed(self.seed)(prepared)()

    def _evidence(
        self, error: BaseException, stand_ins: StandIns | None, drawn: dict[str, Any], session: Session
    ) -> Evidence | None:
        replies = session.example.replies
        if isinstance(error, WorkerLost) or not replies:
            return None
        return Evidence(self, stand_ins, drawn, replies, constants=dict(session.example.constants))

    def run_body(self, session: Session, drawn: Mapping[str, Any]) -> None:
        """Run the body on one example."""
        with keeping_secret(self.secret):
            self.body(**self.arguments(session), **drawn)

    def arguments(self, session: Session) -> dict[str, Any]:
        """Return the fixtures of the check as it sees them in a session."""
        return {
            name: session.module(value.name) if isinstance(value, RemoteName) else value
            for name, value in self.fixtures.items()
        }

    def _fails_on_reference(self, fault: Fault, open_reference: OpenReference) -> str:
        """Return the traceback of the body on the reference, on the same example; "" where it holds there."""
        session = open_reference(partial(open_reference, None))
        try:
            session.begin(self.seed)
            if fault.drawn or not self.declaration.strategies:
                self.run_body(session, fault.drawn)
            else:
                self._search(lambda drawn: self._on_reference(session, drawn))
        except (Exception, WorkerLost):
            return traceback.format_exc(limit=-12)
        finally:
            session.close()
        return ""

    def _on_reference(self, session: Session, drawn: dict[str, Any]) -> None:
        session.begin(self.seed)
        self.run_body(session, drawn)

    def _verdict(self, fault: Fault) -> Verdict:
        error = fault.error
        note, builtin = "", ""
        if isinstance(error, SubmissionFault):
            failure = Failure(
                summary=error.summary,
                expected=error.expected,
                got=error.got,
                worst=error.worst,
                unwritten=error.unwritten,
            )
            builtin = error.builtin if isinstance(error, SubmissionRaised) else ""
        elif isinstance(error, WorkerLost):
            failure = Failure(summary=error.summary)
        else:
            note = "".join(traceback.format_exception(error, limit=-6))
            failure = _of_another_kind(fault.came)
        call = fault.calls[-1] if fault.calls else None
        if call is not None:
            names = _names_of_arguments(self.declaration.call, call.place)
            inputs = tuple(
                f"{names.get(name, name)} = {describe(value)[:MAX_INPUT_TEXT]}" for name, value in call.inputs
            )
            failure = failure.model_copy(update={"call": call.text, "inputs": inputs})
        stopped, limit = isinstance(error, WorkerLost), error.limit if isinstance(error, WorkerLost) else ""
        failure = _without_addresses(failure)
        return Verdict(Outcome.FAIL, failure, builtin, note, fault.evidence, stopped=stopped, limit=limit)


def _names_of_arguments(declared: str, place: str) -> dict[str, str]:
    """Return the names of positional arguments in a call of what a check is about, as students call it."""
    function, _, arguments = declared.removesuffix(")").partition("(")
    if function != place.rpartition(".")[2]:
        return {}
    names = [name.strip() for name in arguments.split(",")]
    return {f"argument {number}": name for number, name in enumerate(names, start=1) if name}


def _of_another_kind(came: Any) -> Failure:
    """Say that a check could not even use what came."""
    if is_ellipsis(came) or (isinstance(came, (tuple, list)) and any(map(is_ellipsis, came))):
        return Failure(summary=f"what came back is still `...`: {UNFILLED}", got=describe(came), unwritten=True)
    summary = "the check cannot use what came back: a value of another kind was expected"
    return Failure(summary=summary, got="" if isinstance(came, Raised) else describe(came))


def _is_rejection(error: BaseException) -> bool:
    """Whether Hypothesis only says that an example does not suit the check."""
    return type(error).__module__.startswith("hypothesis.") and type(error).__name__ in (
        "UnsatisfiedAssumption",
        "StopTest",
    )


def _without_addresses(failure: Failure) -> Failure:
    """Replace memory addresses, the one part of an exception's text that differs between two runs."""
    parts = {
        name: re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", value)
        for name, value in failure.model_dump().items()
        if isinstance(value, str)
    }
    return failure.model_copy(update=parts)
