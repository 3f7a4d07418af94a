"""How long a worker may take, so that a busy machine blames nobody and a submission moves no bound.

A wall clock alone would blame a submission for what runs next to it; processor time alone would never end one that
sleeps. So a stretch of time is worth what passed of it, less what its processes spent waiting for a processor that
others had; and never less than the processor time that the workers used. All of it is measured by the trusted side, in
`/proc` (``schedstat``: nanoseconds on a processor and in its queue) and by how late its own waits end, which is how a
quota shows. Where the system tells neither (no Linux), it is the wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from autograder.sandbox.shared.processor_time import LOOK, TIMEOUT_FACTOR, Usage, look_at, waits

FAIR_SHARE = 0.5
"""Part of its limit that a check must have had where the whole run ends sooner: with less, nobody can say anything."""
UNDISTURBED = 0.9
"""Part of the wall time that the clock must have counted there."""


class Meter:
    """What one process uses from now on, until it is stopped.

    It has waited while a thread waited and none of its own ran. Waits of several threads are added where they cannot
    have been at the same time: the next wait of a thread that is new, or asleep when it is looked at, begins after all
    that are counted by then.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ran_before: float | None = None
        self._total = 0.0
        self._starts: dict[str, float] = {}
        """What a thread's own count of waits is added to."""
        self.last = Usage()
        self._stopped = False
        self.read()

    def read(self) -> Usage:
        """Return what the process has used since this object was made, or had when it was stopped."""
        total, threads = (0.0, {}) if self._stopped else look_at(self._pid)
        if not threads:  # it is gone
            return self.last
        total = max(total, self._total)  # of a thread that ends, parts of a tick are lost
        counts = waits(total, threads)
        if self._ran_before is None:
            self._ran_before = total
            starts = {name: -count for name, count in counts.items()}
        else:
            starts = {name: self._starts.get(name, self.last.waited + self._total) for name in counts}
        waited = max(self.last.waited, *(starts[name] + count for name, count in counts.items()))
        asleep = {name: waited - counts[name] for name, thread in threads.items() if thread.asleep}
        self._starts = starts | asleep
        self._total, self.last = total, Usage(total - self._ran_before, waited)
        return self.last

    def stop(self) -> None:
        """Keep the last reading: the process is about to end."""
        self.read()
        self._stopped = True


class CallMeter:
    """What a worker uses for a call that begins now, of which nobody may ever ask: most calls are over before that.

    So nothing is read yet. Waits count from what was known of them before the call, processor time from the first look.
    """

    def __init__(self, worker: Meter) -> None:
        self._worker = worker
        self._waited_before = worker.last.waited
        self._ran_before: float | None = None

    def read(self) -> Usage:
        """Return what the worker has used since then."""
        now = self._worker.read()
        if self._ran_before is None:
            self._ran_before = now.ran
        return Usage(now.ran - self._ran_before, now.waited - self._waited_before)


class Over(StrEnum):
    """Why a stretch of time is over."""

    PROCESSOR = "processor"
    """The workers used more processor time than the limit."""
    TIME = "time"
    """The limit has passed, on a clock that stands still while others have the processor."""
    BUSY = "busy"
    """`TIMEOUT_FACTOR` is at its end, and the workers had less processor time than they asked for."""
    RUN = "run"
    """The time of the whole run is at its end, and this stretch had too little to say anything."""


@dataclass
class Span:
    """A stretch of time that begins now and may take ``seconds``; at the moment ``ends``, the run needs it back.

    Moments are on the `time.monotonic` clock. ``workers`` are what it is spent on, ``trusted`` is who waits for them.
    """

    seconds: float
    ends: float | None = None
    workers: list[Meter | CallMeter] = field(default_factory=list)
    trusted: Meter | None = None
    late: float = 0.0
    begun: float = field(default_factory=time.monotonic)
    _looked: float = 0.0

    def spent(self) -> float:
        """Return what of the limit is used up, in seconds."""
        used = [meter.read() for meter in self.workers]
        ran = sum(one.ran for one in used)
        waited = sum(one.waited for one in used)
        if self.trusted is not None:  # what the workers used meanwhile may be what kept it waiting
            waited += max(0.0, self.trusted.read().waited - ran)
        return max(ran, time.monotonic() - self.begun - max(waited, self.late))

    def pause(self, seconds: float) -> None:
        """Take out a time that was the machine's, such as that for starting a worker."""
        self.begun += seconds

    def over(self) -> Over | None:
        """Say why the time is over, None where it is not; looks no more often than every `LOOK` seconds."""
        now = time.monotonic()
        passed = now - self.begun
        out_of_run = self.ends is not None and now >= self.ends
        if not out_of_run and (now < self._looked + LOOK or passed < min(LOOK, self.seconds)):
            return None
        self._looked = now
        spent = self.spent()
        if spent >= self.seconds:
            return Over.TIME if passed >= self.seconds else Over.PROCESSOR
        if out_of_run:
            fair = spent >= FAIR_SHARE * self.seconds and spent >= UNDISTURBED * passed
            return Over.TIME if fair else Over.RUN
        return Over.BUSY if passed >= TIMEOUT_FACTOR * self.seconds else None

    def next_look(self) -> float:
        """Return the seconds until it is worth asking again."""
        now = time.monotonic()
        wait = max(self._looked, self.begun) + LOOK - now
        if (left := self.begun + self.seconds - now) > 0:
            wait = min(wait, left)
        return max(0.001, wait if self.ends is None else min(wait, self.ends - now))


class Wait:
    """A wait within several stretches of time, for one answer; it ends with the first that is over."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = tuple(spans)
        self.ended: tuple[Span, Over] | None = None

    def left(self) -> float:
        """Return the seconds until the next look, 0 where a stretch is over: ``ended`` says which, and why."""
        for span in self._spans:
            if self.ended is None and (why := span.over()) is not None:
                self.ended = span, why
        return 0.0 if self.ended else min(span.next_look() for span in self._spans)

    def was_late(self, seconds: float) -> None:
        """Note that a wait ended later than it was to: this process itself was kept from the processor."""
        for span in self._spans:
            span.late += seconds
