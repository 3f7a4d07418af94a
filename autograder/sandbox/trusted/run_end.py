"""The end of a run as those see it who wait for workers: no wait for one that starts goes past it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from autograder.sandbox.shared.processor_time import LOOK
from autograder.sandbox.trusted.channel import RUN_IS_OVER
from autograder.sandbox.trusted.faults import NotEnoughTime, WorkersLost


class RunEnd:
    """Comes at a moment of the `time.monotonic` clock, never where that is None, and sooner when the run is stopped."""

    def __init__(self, moment: float | None) -> None:
        self.moment = math.inf if moment is None else moment
        self._reason = ""

    def stop(self, reason: str) -> None:
        """End the run now. May be called by a signal handler or another thread."""
        self._reason = reason
        self.moment = min(self.moment, time.monotonic())

    def check(self) -> None:
        """Raise `WorkersLost` with the reason where the run was stopped, `NotEnoughTime` where its time is over."""
        if self._reason:
            raise WorkersLost(self._reason)
        if time.monotonic() >= self.moment:
            raise NotEnoughTime(RUN_IS_OVER)

    def wait(self, seconds: float, *, longer: float = 0.0) -> Wait:
        """Return a wait of at most ``seconds`` from now, which goes no more than ``longer`` past the end of the run."""
        return Wait(self, time.monotonic() + seconds, longer)


@dataclass(frozen=True)
class Wait:
    """A wait that looks every `LOOK` seconds whether the run was stopped meanwhile."""

    end: RunEnd
    until: float
    longer: float

    def left(self) -> float:
        """Return the seconds until the next look, 0 or less where the wait is over."""
        return min(LOOK, min(self.until, self.end.moment + self.longer) - time.monotonic())

    def was_late(self, seconds: float) -> None:
        """Do nothing: what others had of the processor makes no run longer."""
