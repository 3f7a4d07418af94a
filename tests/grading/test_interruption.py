"""Trusted code that is ended at a moment: wherever it is then, and without a word."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator

import pytest

from autograder.grading.interruption import TICK, Interruption

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no alarms")


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What finalisers raise and the interpreter would print."""
    seen: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda raised: seen.append(repr(raised.exc_value))
    yield seen
    sys.unraisablehook = before


def test_a_block_ends_even_where_a_finaliser_swallows_its_end(told: list[str]) -> None:
    rounds = 0
    swallowed = 0

    class Slow:
        def __del__(self) -> None:
            nonlocal swallowed
            swallowed += 1  # taken back where the end of the time does not come in here
            until = time.monotonic() + 3 * TICK
            while time.monotonic() < until:
                pass
            swallowed -= 1

    with Interruption() as interruption, interruption.bounded(time.monotonic() + 2 * TICK) as bound:
        while rounds < 100:
            Slow()
            time.sleep(2 * TICK)
            rounds += 1
    gc.collect()
    assert bound.over and swallowed > 0 and rounds < 100
    assert told == []


def test_what_else_a_finaliser_raises_is_still_told(told: list[str]) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("from a finaliser")

    with Interruption() as interruption, interruption.bounded(time.monotonic() + 1000) as bound:
        Broken()
    assert told == ["ValueError('from a finaliser')"] and not bound.over
