"""Every attack that a wall stops succeeds once that wall is gone, and fails with it: else it would test nothing."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.sandbox.trusted.jail import interpreter_is_readable_by_others
from tests.redteam.arena import CANARIES, CANNED, HIDDEN_INPUT, WON, Attack, Outcome
from tests.redteam.attacks_leak import FILES
from tests.redteam.test_attacks import ALL, arena_of

pytestmark = [
    pytest.mark.skipif(
        not sys.platform.startswith("linux") or os.getuid() != 0, reason="takes away walls that only root has"
    ),
    # there the worker keeps its user without capabilities: other walls stop the same attacks
    pytest.mark.skipif(not interpreter_is_readable_by_others(), reason="no private user can read this Python"),
]
DRIVER = str(Path(__file__).with_name("unwalled.py"))
SETS = sorted({attack.walls for attack in ALL if attack.walls})
SLOW = {walls for walls in SETS if len(walls) > 1 or "watch" in walls} - {FILES}


def run(walls: tuple[str, ...], attacks: tuple[Attack, ...]) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="redteam-arena-"))
    try:
        arena = arena_of(folder, attacks, call_seconds=5)
        return arena.run(arena.hand_in(), python=(DRIVER, ",".join(walls)))
    finally:
        remove_tree(folder)


def succeeds(attack: Attack, outcome: Outcome) -> bool:
    told = outcome.told(attack.id)
    return any(sign in told for sign in (WON, *CANARIES, HIDDEN_INPUT, CANNED))


@pytest.mark.parametrize(
    "walls",
    [pytest.param(walls, marks=pytest.mark.slow if walls in SLOW else (), id="+".join(walls)) for walls in SETS],
)
def test_attacks_succeed_without_their_walls(walls: tuple[str, ...]) -> None:
    attacks = tuple(attack for attack in ALL if attack.walls == walls)
    outcome = run(walls, attacks)
    assert outcome.results, outcome.stderr
    assert {attack.name: outcome.told(attack.id) for attack in attacks if not succeeds(attack, outcome)} == {}


def test_the_same_driver_with_all_walls_lets_none_through() -> None:
    attacks = tuple(
        attack for attack in ALL if attack.walls and "watch" not in attack.walls and attack.walls != ("seccomp",)
    )
    outcome = run((), attacks)
    assert (outcome.status, outcome.problems) == (0, []), outcome.stderr
    assert [attack.name for attack in attacks if succeeds(attack, outcome)] == []
    assert [secret for secret in (*CANARIES, HIDDEN_INPUT, CANNED) if secret in outcome.stdout] == []
