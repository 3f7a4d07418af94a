"""A tiny assignment in a folder, graded by the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

MANIFEST = """
title = "A tiny assignment"
version = "1"
source = "tests"
[files]
required = ["one.py", "two.py"]
provided = ["given.py"]
[rules]
banned_imports = ["torch.distributions"]
[limits]
call_seconds = 2
check_seconds = 4
load_seconds = 4
[[items]]
id = "one.double"
title = "Twice its input"
points = 2
kind = "auto"
file = "one.py"
blanks = ["double"]
[[items]]
id = "one.quadruple"
title = "Four times its input"
points = 3
kind = "auto"
file = "one.py"
blanks = ["quadruple"]
[[items]]
id = "two.shift"
title = "Its input plus one"
points = 1
kind = "auto"
file = "two.py"
blanks = ["shift"]
[[items]]
id = "report"
title = "Say why"
points = 4
kind = "manual"
"""
ONE = """
import torch

def double(x):
    return x * 2

def quadruple(x):
    return double(double(x))
"""
TWO = """
from given import ONE

def shift(x):
    return x + ONE
"""
PUBLIC = '''
from autograder.checks import assert_close, given, item, tensors

@item("one.double")
@given(x=tensors(3))
def test_double(one, x):
    """double(x) is x + x."""
    assert_close(one.double(x), x.double() + x.double(), name="double(x)")

@item("one.quadruple")
@given(x=tensors(3))
def test_quadruple(one, x):
    """quadruple(x) is x + x + x + x."""
    assert_close(one.quadruple(x), 4 * x.double(), name="quadruple(x)")

@item("two.shift")
@given(x=tensors(3))
def test_shift(two, x):
    """shift(x) is one more than x."""
    assert_close(two.shift(x), x.double() + 1, name="shift(x)")
'''
HIDDEN = '''
from autograder.checks import assert_close, given, item, tensors

@item("one.double", weight=3)
@given(x=tensors(5))
def test_hidden_double(one, x):
    """Also for five numbers."""
    assert_close(one.double(x), x.double() * 2, name="the SECRET")
'''
STAND_INS = """
from autograder.checks import Callback

STAND_INS = {"one.quadruple": {"one.double": Callback(lambda x: x * 2)}}
"""


@dataclass(frozen=True)
class Run:
    """What one call of the command left behind."""

    status: int
    stdout: str
    stderr: str
    results: dict[str, Any]

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcome by item, of the items that the grader gives points for."""
        return {test["extra_data"]["item"]: test["extra_data"]["outcome"] for test in self.auto}

    @property
    def scores(self) -> dict[str, float]:
        """Score by item."""
        return {test["extra_data"]["item"]: test["score"] for test in self.auto}

    @property
    def auto(self) -> list[dict[str, Any]]:
        """The tests that have a score."""
        return [test for test in self.results["tests"] if "max_score" in test]

    def output(self, item: str) -> str:
        """What a student is told about an item."""
        return next(test["output"] for test in self.results["tests"] if test["extra_data"]["item"] == item)


class Tiny:
    """The assignment ``tiny`` below a folder; its parts may be overwritten before it is graded.

    ``command`` is how it is graded: the real command, unless a test has the fixture ``warm``.
    """

    command: ClassVar[Command]

    def __init__(self, root: Path) -> None:
        self.root = root
        self.assignment = root / "assignments" / "tiny"
        self.reference = root / "solutions" / "tiny"
        self.write("assignments/tiny/assignment.toml", MANIFEST)
        self.write("assignments/tiny/provided/given.py", "ONE = 1\n")
        self.write("assignments/tiny/checks/public/test_public.py", PUBLIC)
        self.write("assignments/tiny/checks/hidden/test_hidden.py", HIDDEN)
        self.write("assignments/tiny/checks/hidden/tiny_stand_ins.py", STAND_INS)
        self.write("solutions/tiny/one.py", ONE)
        self.write("solutions/tiny/two.py", TWO)
        self.write("solutions/tiny/grading.toml", 'grading_seed = "tiny"\n')

    def write(self, name: str, text: str) -> Path:
        """Write a file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def hand_in(self, one: str | None = ONE, two: str | None = TWO, **others: str) -> Path:
        """Make a hand-in of these sources and return its folder."""
        folder = self.root / f"hand_in_{len(list(self.root.glob('hand_in_*')))}"
        folder.mkdir()
        for name, text in {"one": one, "two": two, **others}.items():
            if text is not None:
                (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return folder

    def student_folder(self, one: str | None = ONE, two: str | None = TWO, **others: str) -> Path:
        """Make the folder of a student who has written these sources, and return it."""
        folder = self.hand_in(one, two, given="ONE = 1\n", **others)
        for name in ("assignment.toml", "checks/public/test_public.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text((self.assignment / name).read_text(encoding="utf-8"), encoding="utf-8")
        return folder

    def grade(self, path: Path, *options: str, environment: dict[str, str] | None = None) -> Run:
        """Grade a hand-in with the real command."""
        out = self.root / "out"
        done = Tiny.command(
            "grade", "tiny", str(path), "--root", str(self.root), "--out", str(out), *options, environment=environment
        )
        file = out / "results.json"
        results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return Run(done.returncode, done.stdout, done.stderr, results)


def command(
    *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the real command ``autograder``."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "autograder", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        timeout=300,
        check=False,
    )


class Command(Protocol):
    """Runs the command ``autograder``."""

    def __call__(
        self, *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


Tiny.command = staticmethod(command)
