"""Trusted code that is ended at a moment: wherever it is then, and without a word."""

from __future__ import annotations

import gc
import sys
import time

import pytest

from autograder.grading.interruption import TICK, Interruption

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no alarms")


def test_a_block_ends_even_where_a_finaliser_swallows_its_end(capsys: pytest.CaptureFixture[str]) -> None:
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
    assert capsys.readouterr().err == ""


def test_what_else_a_finaliser_raises_is_still_told(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("from a finaliser")

    told: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda seen: told.append(str(seen.exc_value))
    try:
        with Interruption() as interruption, interruption.bounded(time.monotonic() + 1000) as bound:
            Broken()
    finally:
        sys.unraisablehook = before
    assert told == ["from a finaliser"] and not bound.over
