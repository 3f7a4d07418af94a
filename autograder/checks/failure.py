"""How a check says that a submission is wrong."""

from __future__ import annotations


class CheckFailed(AssertionError):
    """A check's verdict: the submission is wrong. The parts are shown one under the other in a public report.

    The grading side adds the call and the inputs; authors give what was expected and what came.
    """

    def __init__(self, summary: str, *, expected: str = "", got: str = "", worst: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.expected = expected
        self.got = got
        self.worst = worst
