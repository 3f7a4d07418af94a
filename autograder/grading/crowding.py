"""How crowded the machine is that grades: a training that is slow for that reason must cost nobody points.

A wall clock alone would blame the hand-in for what runs beside it; processor time alone would never end one that
sleeps. So the clock of a training is stretched by what a stretch of computing of the grader's own takes, before and
after.
"""

from __future__ import annotations

import time

BURST_SECONDS = 0.2
MOST_PATIENCE = 4.0
"""Times its usual limit that a training may take on a crowded machine; processor time stays bounded as ever."""
FAIR_SHARE = 0.5
"""A check that got less than this part of its time and ran out of it says nothing about the code: it is not a FAIL."""


def crowding() -> float:
    """Return how many seconds pass here while this thread computes for one second: 1 on a machine with a free core."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < BURST_SECONDS:
        sum(range(1000))
    return max(1.0, (time.monotonic() - began) / BURST_SECONDS)


def patience(crowding: float) -> float:
    """Return how many times its limit a training may take."""
    return min(crowding, MOST_PATIENCE)


def was_fair(allowance: float, limit: float, crowding: float = 1.0) -> bool:
    """Whether ``allowance`` seconds on a machine this crowded are worth enough of the ``limit`` on a free one."""
    return allowance >= FAIR_SHARE * limit * crowding
