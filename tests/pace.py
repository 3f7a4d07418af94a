"""How much longer one piece of work takes than another: ratios within one run, the same on every machine."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST = 24.0
"""What work on eight times as much may take at most, as a multiple: linear work takes 8, quadratic 64."""
SHORTEST = 0.002
"""Seconds that the shorter work counts for at least, so that no ratio is one of two roundings."""


def times_as_long(work: Callable[[], object], baseline: Callable[[], object], rounds: int = 3) -> float:
    """Return how many times the processor time of ``baseline`` this process needs for ``work``.

    Of each the fastest of some rounds counts, taken in turn.
    """
    taken: list[list[float]] = [[], []]
    for _ in range(rounds):
        for each, times in zip((work, baseline), taken, strict=True):
            with collector_paused():
                begun = time.process_time()
                each()
                times.append(time.process_time() - begun)
    return min(taken[0]) / max(min(taken[1]), SHORTEST)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector, whose work depends on everything that this process holds, out of a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def growth(work: Callable[[int], object], size: int, *, factor: int = 8, rounds: int = 3) -> float:
    """Return how many times as long ``work(factor * size)`` takes as ``work(size)``."""
    return times_as_long(lambda: work(factor * size), lambda: work(size), rounds)
