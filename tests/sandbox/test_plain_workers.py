"""Workers without fork and jail: the same session over a plain subprocess."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from autograder.checks import SubmissionRaised, gradients
from autograder.sandbox.trusted.channel import Deadlines
from autograder.sandbox.trusted.faults import WorkerLost
from autograder.sandbox.trusted.plain_workers import PlainWorkers
from autograder.sandbox.trusted.session import Session
from tests.tiny import MANIFEST, ONE, Tiny

SOURCE = """
import os, time

def double(x):
    return x * 2

def fail():
    raise ValueError("wrong")

def leave():
    os._exit(3)

def linger():
    time.sleep(60)

def variables():
    return sorted(os.environ)
"""


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlainWorkers]:
    monkeypatch.setenv("CANARY", "x")
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "hand_in.py").write_text(SOURCE, encoding="utf-8")
    workers = PlainWorkers(tmp_path, ["torch"])
    yield workers
    workers.close()


def session(workers: PlainWorkers, folder: Path) -> Session:
    loader = {"folder": str(folder / "submission"), "extra": [], "skip": [], "statement_seconds": 5.0}
    loader |= {"devices_on_cpu": False}
    return Session(workers.fork_worker(), loader=loader, deadlines=Deadlines(2.0), load_seconds=10.0)


@pytest.mark.thorough
def test_a_plain_worker_answers_and_says_that_it_has_no_walls(workers: PlainWorkers, tmp_path: Path) -> None:
    live = session(workers, tmp_path)
    live.begin(0)
    hand_in, x = live.module("hand_in"), torch.ones(3, requires_grad=True)
    doubled = hand_in.double(x)
    assert doubled.tolist() == [2.0, 2.0, 2.0]
    (gradient,) = gradients(doubled, [x])
    assert gradient is not None and gradient.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(SubmissionRaised, match="ValueError: wrong"):
        hand_in.fail()
    assert "CANARY" not in hand_in.variables()
    assert [wall.held for wall in workers.walls] == [False]
    with pytest.raises(WorkerLost, match="stopped after 2 s: linger"):
        hand_in.linger()
    live.close()


def test_a_plain_worker_that_leaves_is_lost(workers: PlainWorkers, tmp_path: Path) -> None:
    live = session(workers, tmp_path)
    live.begin(0)
    with pytest.raises(WorkerLost, match="ended with status 3"):
        live.module("hand_in").leave()
    live.close()


@pytest.mark.thorough
def test_the_command_checks_a_hand_in_where_nothing_can_be_forked(tmp_path: Path) -> None:
    """A check has less time than such a worker needs to import torch: to wait for it costs the hand-in nothing."""
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace("check_seconds = 4", "check_seconds = 1"))
    wrong = tiny.hand_in(one=ONE.replace("x * 2", "x * 3"))
    driver = "import os, sys; del os.fork; sys.argv = ['autograder', *sys.argv[1:]]\n"
    driver += "from autograder.cli import main; main()"
    arguments = ["grade", "tiny", str(wrong), "--root", str(tmp_path)]
    done = [
        subprocess.run(
            [sys.executable, "-P", "-c", driver, *arguments, *more],
            capture_output=True,
            text=True,
            env={**os.environ, "AUTOGRADER_CLEAN": "1"},
            check=False,
        )
        for more in ([], ["--sandbox", "strict"])
    ]
    assert done[0].returncode == 0, done[0].stderr
    assert "4 of 6 points" in done[0].stdout and "double(x) is x + x." in done[0].stdout
    assert "runs with your own rights" in done[0].stdout
    assert done[1].returncode == 1 and "refused in strict mode" in done[1].stderr
