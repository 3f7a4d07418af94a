"""Processor time of a process and of its threads, and how long others kept them from a processor, as `/proc` tells.

Where the system tells neither (no Linux), there is none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_FACTOR = 8.0
"""Times its limit that anything may take on the wall, however busy the machine is."""
LOOK = 0.1
"""Seconds between two looks at what a worker uses; what is over by then costs no look at all."""
NANOSECOND = 1e-9


@dataclass(frozen=True)
class Usage:
    """Seconds that a process has had a processor, all threads together, and seconds that others kept it waiting."""

    ran: float = 0.0
    waited: float = 0.0


@dataclass(frozen=True)
class Thread:
    """Seconds that a thread has had a processor, seconds that it waited for one until it got it, and its state now."""

    ran: float
    waited: float
    asleep: bool


def look_at(pid: int) -> tuple[float, dict[str, Thread]]:
    """Return the processor time of a process, and its threads; nothing where it is gone or the system does not tell."""
    folder = Path("/proc") / str(pid)
    threads = {}
    with contextlib.suppress(OSError):
        for task in (folder / "task").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state = _stat(task)[0]  # first: one that sleeps now has no wait that began before
                ran, waited = (task / "schedstat").read_text(encoding="ascii").split()[:2]
                threads[task.name] = Thread(int(ran) * NANOSECOND, int(waited) * NANOSECOND, state != "R")
    return max(_processor_seconds(folder), sum(thread.ran for thread in threads.values())), threads


def usage(pid: int) -> Usage:
    """Return what a process has used since it began; waits of threads that have ended are not known any more."""
    total, threads = look_at(pid)
    return Usage(total, max(waits(total, threads).values(), default=0.0))


def waits(total: float, threads: Mapping[str, Thread]) -> dict[str, float]:
    """Return how long each thread has waited, less what the others ran: no process keeps itself waiting."""
    return {name: thread.waited - (total - thread.ran) for name, thread in threads.items()}


def _processor_seconds(folder: Path) -> float:
    """Return user and system time of a process, threads that have ended included."""
    try:
        fields = _stat(folder)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _stat(folder: Path) -> list[str]:
    """Return what the system says of a process or a thread, from its state on."""
    return (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
