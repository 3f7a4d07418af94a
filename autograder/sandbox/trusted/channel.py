"""What carries requests to an executor, and how long it may take for an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from autograder.sandbox.shared.wire import Deadline, Frame
from autograder.sandbox.trusted.callbacks import Answer
from autograder.sandbox.trusted.clock import CallMeter, Meter, Span, Wait

RUN_IS_OVER = "the time of the whole run was over"

Serve = Callable[[Frame], Answer]


class Channel(Protocol):
    """Carries requests to an executor and its answers back."""

    meter: Meter | None
    """What the executor's process uses; None where nobody measures it."""

    def exchange(self, header: Any, buffers: list[memoryview], deadline: Deadline | None, serve: Serve) -> Frame:
        """Send a request and return the answer; ``serve`` answers the questions that come before it."""

    def close(self) -> None:
        """End the executor; nothing of it is left running."""

    def explain_end(self) -> str:
        """Say in words how the executor ended, where it has ended by itself."""


@dataclass
class Deadlines:
    """Seconds that one call may take, and the time of the whole check."""

    call_seconds: float | None = None
    check: Span | None = None

    def wait(self, meter: Meter | None, seconds: float | None = None) -> Wait | None:
        """Return the wait for the answer to a call that starts now; None where nothing ends it.

        ``seconds`` are for this call alone. ``meter`` measures the worker that it goes to.
        """
        seconds = self.call_seconds if seconds is None else seconds
        spans = [] if self.check is None else [self.check]
        if seconds is not None:
            spans.insert(0, Span(seconds, None, [] if meter is None else [CallMeter(meter)]))
        return Wait(spans) if spans else None
