"""Ending a grading early, on SIGINT or SIGTERM, so that the results of what was graded so far are still written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.reason:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.reason = f"the grading was interrupted ({signal.Signals(number).name}) before this check was done"
        if self._react is not None:
            self._react(self.reason)
