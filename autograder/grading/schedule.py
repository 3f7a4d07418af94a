"""The time of a whole run, reserved for its checks beforehand, so that none can spend another's."""

from __future__ import annotations

import time
from collections.abc import Collection

from autograder.sandbox.shared.processor_time import TIMEOUT_FACTOR

CHECKS_SHARE = 0.9
"""Part of what is left after that which checks may take; the rest is for new workers, reruns and results."""


class Schedule:
    """Seconds for checks that may each take one of ``limits``; the run ends at ``run_ends``, or never where it is None.

    Moments are on the `time.monotonic` clock.
    """

    def __init__(self, limits: Collection[float], run_ends: float | None) -> None:
        self._asked = sum(limits)
        self._run_ends = run_ends
        now = time.monotonic()
        left = 0.0 if run_ends is None else max(run_ends - now, 0.0) * CHECKS_SHARE
        self._checks_end = now + left
        self._scale = min(1.0, left / self._asked) if limits else 1.0

    def leave_out(self, limit: float) -> None:
        """Give the time of a check that is not run to those after it."""
        self._asked -= limit

    def allowance(self, limit: float) -> float:
        """Return the seconds for the next check: what it has reserved, and what those before it have not used."""
        self._asked -= limit
        most = limit * TIMEOUT_FACTOR
        if self._run_ends is None:
            return most
        now = time.monotonic()
        spare = self._checks_end - now - self._asked * self._scale
        return min(most, max(spare, limit * self._scale), self._run_ends - now)
