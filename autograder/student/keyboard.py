"""Keys, one at a time and without Return, while the terminal shows everything as before."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Keys(Protocol):
    """Gives the next key."""

    def next(self, seconds: float) -> str:
        """Wait for a key at most so long; "" where none came."""


class _NoKeys:
    """Where nobody can press any: input is a file, or closed."""

    def next(self, seconds: float) -> str:
        time.sleep(seconds)
        return ""


class _TerminalKeys:
    """Keys as the terminal gives them; one that is several characters, such as an arrow, is none of ours."""

    _waiting = ""

    def next(self, seconds: float) -> str:
        descriptor = sys.stdin.fileno()
        ready, _, _ = select.select([descriptor], [], [], 0.0 if self._waiting else seconds)
        if ready:
            pressed = os.read(descriptor, 64).decode(errors="replace")
            self._waiting += "" if pressed.startswith("\x1b") else pressed
        key, self._waiting = self._waiting[:1], self._waiting[1:]
        return key


class _WindowsKeys:
    def next(self, seconds: float) -> str:
        import msvcrt

        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
                return str(msvcrt.getwch())  # type: ignore[attr-defined, unused-ignore]
            time.sleep(0.02)
        return ""


@contextmanager
def open_keys() -> Iterator[Keys]:
    """Give the keys of the terminal; its settings are as before after the block."""
    if not sys.stdin or not sys.stdin.isatty():
        yield _NoKeys()
    elif sys.platform == "win32":
        yield _WindowsKeys()
    else:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setcbreak(sys.stdin)
            yield _TerminalKeys()
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
