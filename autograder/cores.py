"""What of the machine this process may use, as the system and the container around it allow: processors, memory."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
QUOTA_V1, PERIOD_V1 = (Path("/sys/fs/cgroup/cpu") / f"cpu.cfs_{name}_us" for name in ("quota", "period"))
MEMORY_V2 = Path("/sys/fs/cgroup/memory.max")
MEMORY_V1 = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")
MEMORY_HERE = Path("/proc/meminfo")
FIRST_LANE, NEXT_LANE = 2**30, 2**30
"""Bytes that one grading needs at most, and that each further lane of it adds."""


def free_lanes() -> int:
    """Return how many checks may run at once: one for each free processor, as far as the memory goes."""
    return max(1, min(free_cores(), 1 + (_memory() - FIRST_LANE) // NEXT_LANE))


def free_cores() -> int:
    """Return the processors that this process may run on, or fewer where the container's share of time is less.

    Never less than 1: half a processor is one that is slow.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    allowed = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(_share() or allowed)))


def _share() -> float | None:
    """Return the processors' worth of time that a container's limits leave; None where there is no limit."""
    with suppress(OSError, ValueError):
        quota, period = QUOTA_V2.read_text(encoding="ascii").split()
        return int(quota) / int(period)  # no number where there is no limit: "max"
    with suppress(OSError, ValueError):
        quota, period = (path.read_text(encoding="ascii") for path in (QUOTA_V1, PERIOD_V1))
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


def _memory() -> int:
    """Return the bytes that the container may use, or that are free where it has no limit of its own."""
    found = []
    for path in (MEMORY_V2, MEMORY_V1):
        with suppress(OSError, ValueError):  # no number where there is no limit: "max"
            found.append(int(path.read_text(encoding="ascii")))
    with suppress(OSError, ValueError, StopIteration):
        lines = MEMORY_HERE.read_text(encoding="ascii").splitlines()
        found.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    return min(found, default=FIRST_LANE)
