"""A bound on what this process may allocate while it does something on a worker's behalf."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATM = Path("/proc/self/statm")


@contextmanager
def bounded_memory(more: int) -> Iterator[None]:
    """Let this process have at most so many more bytes in the block: beyond them, allocating raises there.

    Torch raises `RuntimeError`, Python `MemoryError`. Linux only; elsewhere nothing is bounded. Not below what an
    enclosing block allows.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = _data_bytes(resource.getpagesize()) + more
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    if soft != resource.RLIM_INFINITY:
        bound = min(bound, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes(page: int) -> int:
    """What counts against the limit: private writable pages, the stacks included."""
    with STATM.open("rb", buffering=0) as file:
        return int(file.read().split()[5]) * page
