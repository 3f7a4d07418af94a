"""A machine that others use as well: measured by computing for a moment, and not held against anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from autograder.grading.crowding import MOST_PATIENCE, crowding, patience, was_fair

OTHERS = 3


@pytest.fixture
def crowd() -> Iterator[None]:
    """Other processes that compute on the one processor that this one may use."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("processes cannot be pinned here")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(OTHERS)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
        os.sched_setaffinity(0, before)


def test_a_crowded_processor_is_noticed(crowd: None) -> None:
    assert crowding() > 0.5 * (OTHERS + 1)


def test_it_is_never_less_than_one() -> None:
    assert crowding() >= 1.0


def test_patience_has_an_end() -> None:
    assert patience(1.0) == 1.0 and patience(2.5) == 2.5 and patience(100.0) == MOST_PATIENCE


@pytest.mark.parametrize(
    ("allowance", "crowded", "fair"),
    [(180, 1.0, True), (100, 1.0, True), (80, 1.0, False), (180, 1.9, True), (180, 2.1, False), (540, 3.0, True)],
)
def test_time_is_worth_less_on_a_crowded_machine(allowance: float, crowded: float, fair: bool) -> None:
    assert was_fair(allowance, 180.0, crowded) is fair
