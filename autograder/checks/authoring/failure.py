"""How a check says that a submission is wrong."""

from __future__ import annotations

from autograder.sandbox.trusted.faults import SubmissionFault


class CheckFailed(SubmissionFault):
    """A check's verdict: the submission is wrong. The parts are shown one under the other in a public report.

    The grading side adds the call and the inputs; authors give what was expected and what came.
    """
