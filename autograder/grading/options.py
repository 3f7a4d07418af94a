"""Options of a grading: what to grade of one submission, and under which limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from autograder.cores import free_lanes

if TYPE_CHECKING:  # The command line reads this module before it knows that anything is to be graded.
    from autograder.assignment import Item

Progress = Callable[[int, int], None]
"""Is told how many checks are done, and of how many."""


class Device(StrEnum):
    """Where the grader's own part of a training runs; ``auto`` is a GPU where one can be used, and else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class Options:
    """What to grade, and under which limits; ``deadline`` is in seconds from the start.

    ``started`` is that moment, on the `time.monotonic` clock; where it is None, grading begins with `grade`.
    """

    only: frozenset[str] = frozenset()
    training: bool = True
    hidden: bool = True
    seed: int | None = None
    """A descriptor that another grading seed than that of ``grading.toml`` is read from, once workers can be forked."""
    deadline: float | None = None
    started: float | None = None
    strict: bool = False
    device: Device = Device.AUTO
    """Of what the grader itself trains."""
    jobs: int | None = None
    """Lanes in which checks run at once; None for as many as processors and memory allow."""

    def lanes(self) -> int:
        """Return the number of lanes; 1 where no process can be forked."""
        return 1 if not hasattr(os, "fork") else self.jobs or free_lanes()

    def train(self, items: Iterable[Item]) -> bool:
        """Whether any of these items is one of training that will be graded."""
        return self.training and any(item.training and item.is_auto for item in items)
