"""The doctor: it finds every wall on this machine, and notices each that is taken away."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from autograder.doctor_walls import CALLS, USES
from tests.tiny import command

WITHOUT = {
    "seccomp": ["_give_up_calls"],
    "landlock": ["_give_up_paths", "_enter_tree"],
    "mount namespace": ["_enter_tree"],
    "resource limits": ["_limit_resources"],
    "private user and landlock": ["interpreter_is_readable_by_others", "_give_up_paths", "_enter_tree"],
    "privileges": ["interpreter_is_readable_by_others", "_drop_capabilities", "_give_up_paths", "_give_up_calls"],
    "no new privileges": ["_no_new_privileges"],
    "nothing": [],
}
"""What is removed in each round: functions of `autograder.sandbox.trusted.jail`."""
DRIVER = """
import contextlib, io, json, sys
import torch
torch.set_num_threads(1)
from autograder import doctor, doctor_walls
from autograder.sandbox.trusted import jail

found = {}
for name, walls in json.loads(sys.argv[1]).items():
    kept = {wall: getattr(jail, wall) for wall in walls}
    for wall in walls:
        setattr(jail, wall, lambda *settings: "removed" if settings else False)
    needed, kept_out, missing = doctor_walls.look()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        right = doctor._examine_workers(strict=True) if name in ("seccomp", "nothing") else None
    found[name] = [[text for held, text in needed if not held], [text for held, text in kept_out if not held], missing,
                   right, shown.getvalue()]
    for wall, function in kept.items():
        setattr(jail, wall, function)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[list[str], list[str], list[str], bool, str]]:
    """Every round: what correct code lacks, what does not hold, what strict grading needs, if all is right, output."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(WITHOUT)],
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def needs(found: dict[str, tuple[list[str], list[str], list[str], bool, str]], *names: str) -> None:
    """Skip where the machine itself lacks a wall."""
    missing = [text.partition(":")[0] for text in found["nothing"][1]]
    if lacking := set(names) & set(missing):
        pytest.skip(f"this machine lacks {lacking}")


@pytest.mark.thorough
def test_correct_code_can_work_whatever_is_removed(found) -> None:
    assert {name: entry[0] for name, entry in found.items()} == {name: [] for name in WITHOUT}


def test_strict_grading_is_refused_without_seccomp_and_the_doctor_says_so(found) -> None:
    assert (found["seccomp"][2], found["seccomp"][3]) == (["seccomp"], False)
    assert "strict grading is not possible here, it needs: seccomp" in found["seccomp"][4]
    assert "FAIL  seccomp: removed" in found["seccomp"][4]


def test_without_seccomp_calls_get_through(found) -> None:
    needs(found, "seccomp", "private user")
    failed = found["seccomp"][1]
    for call in (
        "fork", "open a UNIX socket", "open an IPv4 socket", "send to sockets of others", "trace processes",
        "ask for a process with clone3", "watch its parent's descriptors", "make a file in memory",
        "share memory by number", "read memory of its parent", "make a file that runs as its owner",
        "have the kernel signal others",
    ):  # fmt: skip
        assert f"a worker cannot {call}" in failed


def test_without_landlock_shared_folders_are_open(found) -> None:
    needs(found, "landlock", "private user")
    failed = found["landlock"][1]
    assert "a worker cannot write in /tmp" in failed and "a worker cannot read the grader's command line" in failed
    assert "a worker cannot read a private file of the grader" not in failed
    assert found["landlock"][2] == []


def test_without_a_tree_of_its_own_a_worker_learns_what_files_there_are(found) -> None:
    needs(found, "mount namespace")
    told = "a worker cannot tell whether there is a file of the grader"
    assert told in found["mount namespace"][1] and told not in found["nothing"][1]
    assert "a worker cannot read a private file of the grader" not in found["mount namespace"][1]


def test_without_user_and_landlock_nothing_is_private(found) -> None:
    needs(found, "landlock", "private user")
    failed = found["private user and landlock"][1]
    for name in ("a private file of the grader", "the folder of another worker", "the passwords of this machine"):
        assert f"a worker cannot read {name}" in failed
    assert found["private user and landlock"][2] == ["a private user or landlock"]


def test_without_limits_everything_can_be_used_up(found) -> None:
    failed = found["resource limits"][1]
    for use in ("use more memory", "write a larger file", "open more files"):
        assert any(f"a worker cannot {use}" in text for text in failed)
    assert found["resource limits"][2] == ["resource limits"]


def test_a_privileged_worker_is_noticed(found) -> None:
    needs(found, "private user")
    for call in ("become another user", "change its root", "signal its parent", "signal a thread of its parent"):
        assert f"a worker cannot {call}" in found["privileges"][1]


def test_the_filters_need_no_new_privileges(found) -> None:
    needs(found, "no new privileges", "private user", "landlock", "seccomp")
    assert {"landlock", "seccomp"} <= {text.partition(":")[0] for text in found["no new privileges"][1]}


@pytest.mark.thorough
def test_the_command_lists_every_probe() -> None:
    done = command("doctor")
    assert done.returncode == 0
    for text in (*CALLS, *USES):
        assert f"a worker cannot {text}" in done.stdout
    assert "a worker is ready after" in done.stdout


@pytest.mark.thorough
def test_a_worker_that_keeps_the_graders_user_is_an_error_where_that_is_asked() -> None:
    driver = """
import torch
from autograder import doctor
from autograder.sandbox.trusted import jail

jail.interpreter_is_readable_by_others = lambda: False
print("status", doctor.examine(strict=False, private_user=True), doctor.examine(strict=False))
"""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", driver]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads}, check=False)
    assert done.stdout.endswith("status 1 0\n"), done.stderr
    assert done.stdout.count("FAIL  workers keep the grader's user, and a private user is asked for") == 1
