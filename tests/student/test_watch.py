"""The loop of a student in a real terminal: save, read the answer, press keys."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from autograder.grading.options import Options
from autograder.results import Outcome
from autograder.student import quick_answers
from autograder.student.own_folder import unpacked
from tests.processes import children
from tests.tiny import ONE, TWO, Tiny, command

pytestmark = [pytest.mark.thorough, pytest.mark.skipif(sys.platform == "win32", reason="drives a terminal of POSIX")]

STUB = 'def shift(x):\n    raise NotImplementedError("two.shift (1 point)")\n'
KEYS = "q quit"
CODES = re.compile(r"\x1b\[[0-9;]*m")


class Student:
    """A student who has the command running in a terminal."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        arguments = ["-P", "-m", "autograder", "check", "--watch", *options]
        self.terminal = pexpect.spawn(
            sys.executable, arguments, cwd=str(folder), encoding="utf-8", timeout=60, dimensions=(50, 150)
        )

    def reads(self, until: str = KEYS) -> str:
        """What came up to these words, without colours."""
        self.terminal.expect_exact(until)
        return CODES.sub("", self.terminal.before + self.terminal.after)

    def saves(self, name: str, text: str) -> str:
        """Save a file, and read the answer."""
        self.writes(name, text)
        return self.reads()

    def writes(self, name: str, text: str) -> None:
        """Save a file in one step, as editors do: a half of it would be answered, too."""
        unfinished = self.folder / f"{name}.unfinished"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.folder / name)

    def presses(self, key: str, until: str = KEYS) -> str:
        self.terminal.send(key)
        return self.reads(until)

    def ends(self) -> int:
        self.terminal.send("q")
        self.terminal.expect(pexpect.EOF)
        self.terminal.close()
        return int(self.terminal.exitstatus)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


@pytest.fixture
def student(tiny: Tiny) -> Iterator[Student]:
    folder = tiny.student_folder(two=STUB)
    (folder / "handout.md").write_text("| `two.shift` | one more than its input |\n", encoding="utf-8")
    one = Student(folder)
    yield one
    one.terminal.close(force=True)


def test_each_save_is_answered_for_what_it_concerns(student: Student) -> None:
    first = student.reads()
    assert "✓ one.double, one.quadruple" in first and "2 of 3 items pass, 5 of 6 points" in first
    assert "Next: two.shift, Its input plus one (two.py), not written yet" in first
    wrong = student.saves("two.py", TWO.replace("x + ONE", "x - ONE"))
    assert "checking 1 item ..." in wrong and "shift(x) is one more than x." in wrong and "two.py), to fix" in wrong
    right = student.saves("two.py", TWO)
    assert "✓ two.shift" in right and "3 of 3 items pass" in right and "`autograder pack` makes the zip" in right
    student.writes("one.py", ONE + "\n# a remark\n")
    assert "nothing that is checked has changed" in student.reads("has changed")
    assert "checking 1 item ..." in student.saves("one.py", ONE.replace("double(double(x))", "4 * x"))
    both = student.saves("one.py", ONE.replace("x * 2", "x * 3"))
    assert "checking 2 items ..." in both and "one.double  Twice its input" in both and "(one.py), to fix" in both
    broken = student.saves("one.py", ONE + "def (\n")
    assert "cannot be read as Python" in broken and "1 of 3 items pass" in broken
    assert "3 of 3 items pass" in student.saves("one.py", ONE)
    assert student.ends() == 0


def test_a_provided_file_that_is_away_for_a_moment_ends_nothing(student: Student) -> None:
    student.reads()
    given = student.folder / "given.py"
    text = given.read_text(encoding="utf-8")
    given.unlink()
    student.reads("this provided file is missing")
    student.writes("given.py", text)
    student.reads("has changed")
    assert student.ends() == 0


def test_data_in_the_folder_hide_no_code(student: Student) -> None:
    for name in ("data", "zzz"):
        (student.folder / name).mkdir()
    for number in range(1_000):
        (student.folder / "data" / f"{number}.png").touch()
    student.reads()
    answer = student.saves("two.py", "from zzz.helper import ONE\n\ndef shift(x):\n    return x + ONE\n")
    assert "to fix" in answer
    assert "✓ two.shift" in student.saves("zzz/helper.py", "ONE = 1\n")
    assert student.ends() == 0


def test_keys(student: Student) -> None:
    student.reads()
    student.terminal.send("\x1b[A")
    student.terminal.send("??")
    for _ in range(2):
        student.reads()
    assert "one more than its input" in student.presses("h", "input |")
    listed = student.presses("l")
    assert "one.double" in listed and "passes" in listed and "not written yet" in listed
    assert "checking 2 items ..." in student.presses("r")
    assert "checking 3 items ..." in student.presses("a")
    student.saves("one.py", ONE.replace("x * 2", "x * 3"))
    for name in ("one.quadruple", "two.shift", "one.double"):
        assert f"Next: {name}" in student.presses("n")
    assert KEYS in student.presses("?")
    assert student.ends() == 0


def test_a_loop_that_never_ends_is_answered_and_can_be_interrupted(student: Student) -> None:
    student.reads()
    answer = student.saves("two.py", "def shift(x):\n    while True: pass\n")
    assert "two.shift" in answer and "to fix" in answer
    student.writes("two.py", "def shift(x):\n    while True: 1\n")
    student.reads("checking 1 item")
    silent = 1
    while silent:  # as a person does where nothing happens at once
        student.terminal.sendintr()
        silent = student.terminal.expect_exact(["not checked: interrupted", pexpect.TIMEOUT], timeout=2)
    assert "Next: two.shift" in (told := student.presses("n")) and "not checked yet" in told
    student.writes("two.py", "# again\ndef shift(x):\n    while True: 1\n")
    assert "to fix" in student.reads()  # what was not checked is concerned still
    assert "3 of 3 items pass" in student.saves("two.py", TWO)
    assert student.ends() == 0


def test_a_new_version_of_the_assignment_starts_it_anew(student: Student) -> None:
    student.reads()
    checks = student.folder / "checks/public/test_public.py"
    student.writes("checks/public/test_public.py", checks.read_text(encoding="utf-8").replace("x is x + x", "x"))
    answer = student.reads()
    assert "starting anew" in answer and "getting ready" in answer and "2 of 3 items pass" in answer
    assert student.ends() == 0


def test_it_is_misuse_where_there_is_nothing_to_watch(tiny: Tiny, tmp_path: Path) -> None:
    done = command("check", "--watch", cwd=tmp_path)
    assert done.returncode == 2 and "no assignment.toml here" in done.stderr
    done = command("check", "--watch", "one.duble", cwd=tiny.student_folder())
    assert done.returncode == 2 and 'did you mean "one.double"?' in done.stderr


def test_bars_are_drawn_for_a_person_and_not_into_a_notebook(tiny: Tiny) -> None:
    folder, shown = tiny.student_folder(), []
    for variables in ({}, {"JPY_PARENT_PID": "1"}):
        arguments = ["-P", "-m", "autograder", "check", "one.double"]
        terminal = pexpect.spawn(
            sys.executable, arguments, cwd=str(folder), encoding="utf-8", timeout=60, env={**os.environ, **variables}
        )
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 0
        shown.append(terminal.before)
    assert "checking" in shown[0] and "checking" not in shown[1] and "PASS" in shown[1]


def test_spare_processes_answer_where_nothing_can_be_forked(tiny: Tiny) -> None:
    folder, before = tiny.student_folder(two=STUB), children(os.getpid())
    spares = quick_answers.Spares(folder, True, [])
    try:
        for text, outcome in ((STUB, Outcome.FAIL), (TWO, Outcome.PASS)):
            (folder / "two.py").write_text(text, encoding="utf-8")
            result = spares.check(frozenset({"two.shift"}))
            assert [(item.id, item.outcome) for item in result.items] == [("two.shift", outcome)]
            assert result.public_only
    finally:
        spares.close()
    with quick_answers.open_answers(unpacked(folder), Options(hidden=False), []) as forks:
        same = forks.check(frozenset({"two.shift"}))
    assert [(item.id, item.outcome, item.points) for item in same.items] == [("two.shift", Outcome.PASS, 1.0)]
    assert set(children(os.getpid())) <= set(before)
