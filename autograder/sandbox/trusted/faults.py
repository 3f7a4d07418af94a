"""Faults of a submission, as seen from the trusted side."""

from __future__ import annotations


class SubmissionFault(AssertionError):
    """The submission is wrong. The parts are shown one under the other in a public report.

    ``unwritten`` where what was asked for is still what the template has in its place.
    """

    def __init__(
        self, summary: str, *, expected: str = "", got: str = "", worst: str = "", unwritten: bool = False
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.expected = expected
        self.got = got
        self.worst = worst
        self.unwritten = unwritten


class SubmissionRaised(SubmissionFault):
    """The submission's code raised, or a name in it is missing; ``builtin`` is the nearest built-in exception."""

    def __init__(self, summary: str, *, got: str = "", builtin: str = "", unwritten: bool = False) -> None:
        super().__init__(summary, got=got, unwritten=unwritten)
        self.builtin = builtin


class WorkerLost(BaseException):
    """The worker is gone or was stopped. Not an `Exception`: it must pass Hypothesis, which would shrink it."""

    def __init__(self, summary: str, *, limit: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.limit = limit
        """Which limit was passed, in a fixed sentence that anybody may read; "" where it was none."""


class AuthorError(Exception):
    """A check uses the sandbox wrongly."""


class WorkersLost(BaseException):
    """No further worker can be had in this run. Not an `Exception`: no check may take it for the submission's."""


class NotEnoughTime(WorkersLost):
    """The machine or the run gave a check too little time to say anything about the submission."""
