"""Statements that a hand-in should make in words, such as with whom somebody worked: whether they are there.

What they say is judged by nobody; a missing one gives a notice and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograder.assignment import Statement
from autograder.submission.notices import Notices, Topic

UNANSWERED = "*Your answer here"
"""What a template asks with: a cell that still has it says nothing."""


def report_statements(parts: Iterable[str], statements: Sequence[Statement], notices: Notices) -> None:
    """Give a notice for every statement that is made less often than it should.

    One counts once for each part: a cell of a notebook, of whichever type, or a line of another file.
    """
    said = [part.casefold() for part in parts if UNANSWERED not in part]
    for statement in statements:
        words = [word.casefold() for word in statement.words]
        if sum(any(word in part for word in words) for part in said) < statement.times:
            notices.add(Topic.RULES, statement.notice)
