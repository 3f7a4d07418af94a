"""Ending a grading early, on SIGINT or SIGTERM, so that the results of what was graded so far are still written."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


TICK = 0.05
"""Seconds between two looks at whether the time of trusted code is over."""


class _TimeIsOver(BaseException):
    """Ends a block of trusted code. Not an `Exception`: nothing in it may take it for the submission's."""


@dataclass
class Bound:
    """Whether a block of trusted code was ended before its end. It says so even where the code swallowed that."""

    over: bool = False


@contextmanager
def unbounded() -> Iterator[Bound]:
    """Give a block all the time that it takes."""
    yield Bound()


@contextmanager
def _without_a_word_where_swallowed() -> Iterator[None]:
    """Print nothing where the end of the time came into a finaliser, which swallows it: the next tick repeats it."""
    usual = sys.unraisablehook
    sys.unraisablehook = lambda told: None if issubclass(told.exc_type, _TimeIsOver) else usual(told)
    try:
        yield
    finally:
        sys.unraisablehook = usual


class Interruption:
    """Notes the first signal in place of what it would have done; a second Ctrl-C interrupts as usual.

    ``reason`` is "" until then. Outside of the main thread nothing is noted: signals belong to the program there.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._react: Callable[[str], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def react(self, react: Callable[[str], None]) -> None:
        """Call ``react`` with the reason when a signal comes, or now if one has come."""
        self._react = react
        if self.reason:
            react(self.reason)

    @contextmanager
    def bounded(self, ends: float) -> Iterator[Bound]:
        """End the block at a moment of the `time.monotonic` clock, or soon after a signal came; it goes on behind it.

        An alarm does it, in the main thread alone; elsewhere, and on Windows, a block is only not begun too late.
        """
        bound, armed = Bound(), True

        def ring(number: int, frame: FrameType | None) -> None:
            if armed and (self.reason or time.monotonic() >= ends):
                bound.over = True
                raise _TimeIsOver

        if self.reason or time.monotonic() >= ends:
            bound.over = True
        has_alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        try:
            before = signal.signal(signal.SIGALRM, ring) if has_alarms else None
            try:
                if has_alarms:
                    signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
                with _without_a_word_where_swallowed():
                    yield bound
            finally:
                armed = False
                if has_alarms:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    signal.signal(signal.SIGALRM, before)
        except _TimeIsOver:
            pass

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.reason:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.reason = f"the grading was interrupted ({signal.Signals(number).name}) before this check was done"
        if self._react is not None:
            self._react(self.reason)
