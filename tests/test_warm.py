from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiny, warm
from tests.tiny import ONE, Run, Tiny


@pytest.mark.thorough
def test_the_warm_command_says_and_leaves_what_the_command_does(tmp_path: Path) -> None:
    course = Tiny(tmp_path)
    folder = course.hand_in(one=ONE.replace("return x * 2", "return x * 3"))
    runs: list[Run] = []
    for command in (tiny.command, warm.command, warm.command):
        Tiny.command = staticmethod(command)
        try:
            runs.append(course.grade(folder, "--grading-seed", "given", environment={"COLUMNS": "77"}))
        finally:
            Tiny.command = staticmethod(tiny.command)
    cold, *others = runs
    assert cold.outcomes == {"one.double": "FAIL", "one.quadruple": "PASS", "two.shift": "PASS"}
    for run in others:
        assert (run.status, run.stdout, run.stderr) == (cold.status, cold.stdout, cold.stderr)
        assert [test["output"] for test in run.auto] == [test["output"] for test in cold.auto]


def test_each_call_has_its_own_folder_and_status(tmp_path: Path) -> None:
    """The server was started elsewhere, and outlives a call that ends badly."""
    course = Tiny(tmp_path)
    (course.reference / "one.py").rename(tmp_path / "one.py")
    arguments = ("grade", "tiny", "nowhere", "--root", ".")
    cold, hot = (command(*arguments, cwd=tmp_path) for command in (tiny.command, warm.command))
    assert cold.returncode == hot.returncode == 2
    assert cold.stderr == hot.stderr and "nowhere" in hot.stderr and hot.stderr.count("\n") == 1
    assert warm.command("grade", "tiny", "one.py", "--root", ".", cwd=tmp_path).returncode == 0
