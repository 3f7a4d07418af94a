"""Checks of training in the real command: their own time limit, a second worker, secrets, pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.tiny import MANIFEST, TWO, Tiny

TRAINED = """
[[items]]
id = "two.training"
title = "Learns"
points = 4
kind = "auto"
file = "two.py"
training = true
"""
PROBES = """
import time
def wait(seconds):
    time.sleep(seconds)
    return True
"""
HIDDEN = '''
import torch
from autograder.checks import CheckFailed, fetch, fresh, item, secret_generator, show_curves

@item("two.training", weight=3)
def test_measured(two, probes):
    """It learns."""
    number = torch.rand((), generator=secret_generator())
    told = two.guess()
    other, = fresh(two)
    show_curves("numbers", {"loss": [1.0, float(number)]})
    if not probes.wait(WAIT):
        raise CheckFailed("no time")
    if float(told) == float(number) or fetch(other.count) != 0 or fetch(two.count) != 1:
        raise CheckFailed("secret or second worker")
'''
PUBLIC = '''
from autograder.checks import item, show_curves

@item("two.training", weight=1)
def test_quick(two):
    """It learns quickly."""
    show_curves("in public", {"loss": [1.0, 0.0]})
    two.guess()
'''
LEARNING = (
    TWO
    + """
count = 0
def guess():
    global count
    count += 1
    import torch
    return torch.rand(())
"""
)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny(tmp_path)
    limits = MANIFEST.replace("call_seconds = 2", "call_seconds = 1").replace("check_seconds = 4", "check_seconds = 2")
    assert limits != MANIFEST
    tiny.write(
        "assignments/tiny/assignment.toml", limits.replace("[limits]", "[limits]\ntraining_seconds = 60") + TRAINED
    )
    tiny.write("assignments/tiny/checks/public/probes.py", PROBES)
    tiny.write("assignments/tiny/checks/public/test_quick.py", PUBLIC)
    tiny.write("assignments/tiny/checks/hidden/test_measured.py", HIDDEN.replace("WAIT", "3"))
    tiny.write("solutions/tiny/two.py", LEARNING)
    return tiny


@pytest.mark.thorough
def test_training_has_its_own_limit_a_second_worker_and_a_secret(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training")
    assert run.scores == {"two.training": 4.0}, run.output("two.training")


@pytest.mark.thorough
def test_what_every_optimiser_imports_is_there_before_the_fork(tiny: Tiny) -> None:
    asking = LEARNING + "import sys\nassert 'torch._dynamo' in sys.modules\ncount = 0\n"
    asking = asking.replace("\ncount = 0\ndef guess", "\ndef guess")  # so that nothing counts where it is missing
    run = tiny.grade(tiny.hand_in(two=asking), "--only", "two.training")
    assert run.scores == {"two.training": 4.0}, run.output("two.training")
    assert "left out" not in json.dumps(run.results)


@pytest.mark.thorough
def test_pictures_are_kept_and_only_public_ones_are_told(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training")
    assert "in public" in json.dumps(run.results) and "numbers" not in run.output("two.training")


@pytest.mark.thorough
def test_a_hopeless_training_is_stopped_and_told_so(tiny: Tiny) -> None:
    manifest = tiny.root / "assignments/tiny/assignment.toml"
    manifest.write_text(manifest.read_text().replace("training_seconds = 60", "training_seconds = 2"))
    tiny.write("assignments/tiny/checks/hidden/test_measured.py", HIDDEN.replace("WAIT", "50"))
    run = tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training")
    assert run.scores == {"two.training": 1.0} and run.outcomes == {"two.training": "FAIL"}
    assert "training was stopped: it took longer than the 2 s" in run.output("two.training")


CROWDING = """
    import os, subprocess, sys
    alone = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, alone)
    os.sched_setaffinity(probes.process(), alone)
    busy = f"import os\\nwhile os.getppid() == {os.getpid()}: pass"
    for _ in range(16):
        subprocess.Popen([sys.executable, "-c", busy], start_new_session=True)
"""
COMPUTING = """
import os
def process():
    return os.getpid()
def wait(seconds):
    ends = time.thread_time() + seconds
    while time.thread_time() < ends: pass
    return True
"""


def crowded(tiny: Tiny) -> None:
    """Let sixteen other processes come to the only processor that grader and worker have left, for the check's time."""
    manifest = tiny.root / "assignments/tiny/assignment.toml"
    manifest.write_text(manifest.read_text().replace("training_seconds = 60", "training_seconds = 2"))
    check = HIDDEN.replace("WAIT", "50").replace('    """It learns."""', f'    """It learns."""{CROWDING}')
    tiny.write("assignments/tiny/checks/hidden/test_measured.py", check)


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be pinned here")
@pytest.mark.slow
def test_a_machine_that_becomes_too_busy_costs_nobody_points(tiny: Tiny) -> None:
    """A training that computes, and was kept from it, has not failed."""
    crowded(tiny)
    tiny.write("assignments/tiny/checks/public/probes.py", PROBES + COMPUTING)
    run = tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training")
    assert run.outcomes == {"two.training": "BLOCKED"} and run.status == 1
    assert "this machine was too busy to say" in run.output("two.training")


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be pinned here")
def test_a_training_that_sleeps_fails_on_a_busy_machine_too(tiny: Tiny) -> None:
    """It asks for no processor: what runs next to it keeps it from nothing."""
    crowded(tiny)
    tiny.write("assignments/tiny/checks/public/probes.py", PROBES + COMPUTING.partition("def wait")[0])
    run = tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training")
    assert run.outcomes == {"two.training": "FAIL"} and run.status == 0
    assert "training was stopped: it took longer than the 2 s" in run.output("two.training")


@pytest.mark.thorough
def test_a_failed_measurement_is_not_repeated_on_the_reference_but_a_broken_check_is(tiny: Tiny) -> None:
    """A measured value is believed; anything else that a check raises may be its own fault."""
    broken = HIDDEN.replace("WAIT", "0").replace("number = torch.rand", "two.guess(); number = 1 / 0 + torch.rand")
    tiny.write("assignments/tiny/checks/hidden/test_measured.py", broken)
    assert tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training").outcomes == {"two.training": "ERROR"}
    failing = HIDDEN.replace("WAIT", "0").replace("if not probes", "if probes")
    tiny.write("assignments/tiny/checks/hidden/test_measured.py", failing)  # would fail on the reference as well
    assert tiny.grade(tiny.hand_in(two=LEARNING), "--only", "two.training").outcomes == {"two.training": "FAIL"}


@pytest.mark.thorough
def test_training_can_be_left_out(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(two=LEARNING), "--no-training")
    assert run.outcomes["two.training"] == "BLOCKED" and "left out on request" in run.output("two.training")
    assert run.status == 0
