"""Statements that a submission should make in words, such as with whom somebody worked: whether they are there.

What they say is checked by nobody; a missing one gives a notice and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from autograder.assignment import Statement
from autograder.submission.notices import Notices, Topic

Parts = Callable[[], Iterable[str]]
"""Returns all that a file says: the text of each cell of a notebook, of whichever type, or of each line."""
UNANSWERED = "*Your answer here"
"""What a template asks with: a cell that still has it says nothing."""


def report_statements(files: Iterable[Parts], statements: Sequence[Statement], notices: Notices) -> None:
    """Give a notice for every statement that these files make less often than they should, once for each part."""
    if not statements:
        return
    said = [part.casefold() for parts in files for part in parts() if UNANSWERED not in part]
    for statement in statements:
        words = [word.casefold() for word in statement.words]
        if sum(any(word in part for word in words) for part in said) < statement.times:
            notices.add(Topic.RULES, statement.notice)
