"""Independent tasks on several processes that share what was prepared; results in the order of the tasks."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from autograder.errors import UserError
from autograder.grading.grader_error import GraderError
from autograder.verify.execution.children import Lost, in_children

TASK_SECONDS = 600.0
"""A task that takes longer hangs: the longest, a training, takes a minute."""

Work = Callable[[int], Any]


def do_all(names: Sequence[str], work: Work, jobs: int, done: Callable[[int, Any], None]) -> list[Any]:
    """Return ``work(0)``, ``work(1)`` ... for every name, as JSON brings it back; ``done`` gets each when it comes.

    Raises `GraderError`, naming the task, where one breaks, hangs or ends its process.
    """
    results: dict[int, Any] = {}
    for number, answer in _answers(len(names), partial(_attempt, work), jobs):
        if isinstance(answer, Lost):
            raise GraderError(f"{names[number]}: no result, its process {answer.reason}; does it loop for ever?")
        error, results[number] = answer
        if error:
            raise GraderError(f"{names[number]}: could not be graded:\n{error}")
        done(number, results[number])
    return [results[number] for number in range(len(names))]


def _attempt(work: Work, number: int) -> tuple[str, Any]:
    """Return what went wrong, "" if nothing, and the result."""
    try:
        return "", work(number)
    except UserError:
        raise
    except Exception:
        return traceback.format_exc(limit=-12), None


def _answers(count: int, work: Work, jobs: int) -> Iterable[tuple[int, Any]]:
    if sys.platform != "linux":  # elsewhere a process that has used torch cannot be forked safely
        return ((number, work(number)) for number in range(count))
    return in_children(lambda: work, list(range(count)), jobs=jobs, seconds=TASK_SECONDS)
