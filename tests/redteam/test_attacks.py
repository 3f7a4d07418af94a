"""Every attack against the real command: no points, no secrets, no harm to others, valid results, nothing left.

In three situations: root on a bare machine; root without the capabilities that a container withholds; an ordinary user.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.sandbox.trusted.jail import interpreter_is_readable_by_others
from tests.programs import missing
from tests.redteam.arena import CANARIES, CANNED, HIDDEN_INPUT, WON, WRONG, Arena, Attack, Outcome
from tests.redteam.attacks_forge import FORGERIES, LOADING
from tests.redteam.attacks_leak import LEAKS
from tests.redteam.attacks_power import POWERS

ALL = (*LEAKS, *POWERS, *FORGERIES, *LOADING)
QUICK = tuple(attack for attack in ALL if not attack.slow)
SUBSET = tuple(
    attack
    for attack in QUICK
    if (attack.walls and "limits" not in str(attack.walls) and attack.walls != ("seccomp",))
    or attack.name.startswith(
        (
            "1 ",
            "2 ",
            "close the",
            "fork",
            "sockets of",
            "take thr",
            "take all",
            "folders",
            "patch the ex",
            "while loading: o",
        )
    )
)
DOCKER = (
    "chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service", "net_raw",
    "sys_chroot", "mknod", "audit_write", "setfcap",
)  # fmt: skip
"""The capabilities that a container's root has by default."""
ORDINARY_USER = 1_234_567

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the walls are Linux's"),
]


class Situation:
    """A way to start the command, and what is promised there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.before: list[str] = []
        if name == "container":
            bounding = "-all," + ",".join(f"+{name}" for name in DOCKER)
            self.before = ["setpriv", "--bounding-set", bounding, "--inh-caps", "-all"]
        if name == "user" and os.getuid() == 0:
            user = str(ORDINARY_USER)
            self.before = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--inh-caps", "-all"]

    def why_not(self) -> str:
        """Why it cannot be had here, "" where it can."""
        if self.name == "user" and os.getuid() == 0 and not interpreter_is_readable_by_others():
            return "this Python lies where an ordinary user cannot read it"
        if self.name != "user" and os.getuid() != 0:
            return "needs root"
        return missing("setpriv") if self.before else ""


def arena_of(folder: Path, attacks: tuple[Attack, ...], **options: int) -> Arena:
    """An arena in a folder that everybody can pass through and read, as checkouts are: file modes protect nothing."""
    folder.chmod(0o755)
    return Arena(folder / "arena", attacks, **options)


def run(
    situation: str, attacks: tuple[Attack, ...], *, honest: bool = False, call_seconds: int = 1
) -> Iterator[Outcome]:
    """Grade all of these attacks in one run."""
    chosen = Situation(situation)
    if chosen.why_not():
        pytest.skip(chosen.why_not())
    folder = Path(tempfile.mkdtemp(prefix="redteam-arena-"))
    try:
        arena = arena_of(folder, attacks, call_seconds=call_seconds)
        path = arena.hand_in(honest=honest)
        if situation == "user" and os.getuid() == 0:
            for place in (folder, *folder.rglob("*")):
                os.chown(place, ORDINARY_USER, ORDINARY_USER)
        yield arena.run(path, before=chosen.before)
    finally:
        for place in (folder, *folder.rglob("*")):
            if place.is_dir() and not place.is_symlink():
                place.chmod(0o700)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def twins() -> Iterator[Outcome]:
    own = tuple(attack for attack in ALL if attack.twin != WRONG)
    yield from run("root" if os.getuid() == 0 else "user", own, honest=True)


CASES = [
    pytest.param(("root", QUICK), id="root"),
    pytest.param(("container", SUBSET), id="container"),
    pytest.param(("user", SUBSET), id="user"),
    pytest.param(("root", ALL), id="root-all", marks=pytest.mark.slow),
    pytest.param(("container", ALL), id="container-all", marks=pytest.mark.slow),
    pytest.param(("user", ALL), id="user-all", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=CASES)
def fight(request: pytest.FixtureRequest) -> Iterator[tuple[str, tuple[Attack, ...], Outcome]]:
    for outcome in run(*request.param):
        yield (*request.param, outcome)


Fight = tuple[str, tuple[Attack, ...], Outcome]


def test_the_run_ends_well(fight: Fight) -> None:
    _, _, outcome = fight
    assert (outcome.status, outcome.problems) == (0, []), outcome.stderr[-3000:]
    assert {wall["name"] for wall in outcome.results["extra_data"]["walls"] if wall["held"]} >= {"seccomp"}


def test_no_item_gains_a_point(fight: Fight, twins: Outcome) -> None:
    _, attacks, outcome = fight
    gains = {a.name: outcome.scores[a.id] for a in attacks if outcome.scores[a.id] > twins.scores.get(a.id, 0.0)}
    assert gains == {}


def test_all_attacks_fail_and_none_is_the_grader_s_fault(fight: Fight) -> None:
    _, attacks, outcome = fight
    assert {a.name: outcome.outcomes[a.id] for a in attacks if outcome.outcomes[a.id] != "FAIL"} == {}


def test_no_attack_wins_a_power(fight: Fight) -> None:
    situation, attacks, outcome = fight
    applicable = [a for a in attacks if a.needs != "root" or situation != "user"]
    assert [a.name for a in applicable if WON in outcome.told(a.id)] == []


def test_no_secret_is_seen(fight: Fight) -> None:
    _, attacks, outcome = fight
    secrets = [*CANARIES, HIDDEN_INPUT, CANNED]
    assert {a.name: s for a in attacks for s in secrets if s in outcome.told(a.id)} == {}
    assert [secret for secret in secrets if secret in outcome.visible] == []


def test_honest_items_are_graded_as_usual(fight: Fight) -> None:
    _, _, outcome = fight
    assert {outcome.scores[item] for item in ("honest.beside", "honest.apart")} == {4.0}


def test_nothing_is_left(fight: Fight) -> None:
    _, _, outcome = fight
    assert (outcome.left_running, outcome.left_lying) == ([], [])


def test_text_of_attackers_is_harmless(fight: Fight) -> None:
    _, _, outcome = fight
    assert "\x1b" not in outcome.visible and "\u202e" not in outcome.visible
    outcome.visible.encode("utf-8")
    lines = outcome.results["output"].splitlines()
    assert not any(line.startswith(("4 of 4", "- vae.kl")) for line in lines)
