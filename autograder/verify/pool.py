"""Independent tasks on several processes that share what was prepared; results in the order of the tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from autograder.grading.plugin import GraderTrouble
from autograder.verify.children import Lost, in_children

TASK_SECONDS = 300.0
"""A task that takes longer hangs: the longest take some seconds."""

Work = Callable[[int], Any]


def do_all(names: Sequence[str], work: Work, jobs: int, tick: Callable[[], None]) -> list[Any]:
    """Return ``work(0)``, ``work(1)`` ... for every name, as JSON brings it back.

    Raises `GraderTrouble`, naming the task, where one hangs or ends its process.
    """
    results: dict[int, Any] = {}
    for number, answer in _answers(len(names), work, jobs):
        if isinstance(answer, Lost):
            raise GraderTrouble(f"{names[number]}: no result, its process {answer.reason}; does it loop for ever?")
        results[number] = answer
        tick()
    return [results[number] for number in range(len(names))]


def _answers(count: int, work: Work, jobs: int) -> Any:
    if sys.platform != "linux":  # elsewhere a process that has used torch cannot be forked safely
        return ((number, work(number)) for number in range(count))
    return in_children(lambda: work, list(range(count)), jobs=jobs, seconds=TASK_SECONDS)
