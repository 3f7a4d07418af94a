"""The tiny assignment with marked references and a catalogue that proves it, to be broken in one way at a time."""

from __future__ import annotations

from pathlib import Path

from autograder.assignment import Assignment, load_assignment
from autograder.verify.matrix import ProblemKind, Report
from autograder.verify.verifying import verify
from tests.tiny import Tiny

ONE = '''
import torch

def double(x):
    """Twice its input."""
    ### BEGIN SOLUTION
    return x * 2
    ### END SOLUTION

def quadruple(x):
    """Four times its input."""
    ### BEGIN SOLUTION
    return double(double(x))
    ### END SOLUTION
'''
TWO = '''
from given import ONE

def shift(x):
    """One more than its input."""
    ### BEGIN SOLUTION
    return x + ONE
    ### END SOLUTION
'''


def mutant(name: str, item: str, old: str, new: str, *lines: str) -> str:
    """Return one entry of a catalogue."""
    hint = "" if any(line.startswith("equivalent") for line in lines) else f'hint = "look again at {name}"'
    parts = (f'id = "{name}"', f'item = "{item}"', f'misconception = "why {name}"', f'old = "{old}"', f'new = "{new}"')
    return "\n".join(["[[mutants]]", *parts, hint, *lines, ""])


TRIPLE = mutant("triple", "one.double", "return x * 2", "return x * 3")
HALF = mutant("half", "one.double", "return x * 2", "return x / 2", "penalty = [1.0, 1.0]")
ONCE = mutant("once", "one.quadruple", "double(double(x))", "double(x)")
MINUS = mutant("minus", "two.shift", "x + ONE", "x - ONE")
SUM = mutant("sum", "one.double", "x * 2", "x + x", 'equivalent = "x + x is 2 x"')
COMPLETE = TRIPLE + HALF + ONCE + MINUS


class Proving(Tiny):
    """A rubric that is proved by `COMPLETE`, unless something is overwritten."""

    def __init__(self, root: Path, catalogue: str = COMPLETE) -> None:
        super().__init__(root)
        self.write("solutions/tiny/one.py", ONE)
        self.write("solutions/tiny/two.py", TWO)
        self.write("assignments/tiny/handout.md", "# Tiny\n")
        for name in ("public/test_public.py", "hidden/test_hidden.py"):  # few examples say as much here
            path = self.assignment / "checks" / name
            path.write_text(
                path.read_text(encoding="utf-8").replace("@given(", "@given(examples=3, "), encoding="utf-8"
            )
        self.catalogue(catalogue)

    def catalogue(self, text: str) -> None:
        """Replace the catalogue."""
        self.write("assignments/tiny/mutants.toml", text)

    def alternative(self, name: str, **files: str) -> None:
        """Add another solution."""
        for stem, text in files.items():
            self.write(f"assignments/tiny/alternatives/{name}/{stem}.py", text)

    def add_check(self, name: str, text: str) -> None:
        """Add a file of hidden checks."""
        head = "from autograder.checks import assert_close, given, item, tensors\nimport torch\n\n"
        self.write(f"assignments/tiny/checks/hidden/test_{name}.py", head + text)

    def add_training(self, error: str = "abs(draw) / 10", threshold: str = "1.0") -> None:
        """Add an item of training, whose one check judges an error that is normally distributed."""
        manifest = self.assignment / "assignment.toml"
        entry = '[[items]]\nid = "two.train"\ntitle = "Train"\npoints = 1\nkind = "auto"\nfile = "two.py"\n'
        if "two.train" not in manifest.read_text(encoding="utf-8"):
            manifest.write_text(f"{manifest.read_text(encoding='utf-8')}{entry}training = true\n", encoding="utf-8")
        check = (
            "from autograder.checks import secret_generator\n"
            "from autograder.checks import Criterion, assert_learned\n\n"
            '@item("two.train")\ndef test_train(two):\n'
            "    two.shift(torch.ones(1))\n"
            "    draw = float(torch.randn(1, generator=secret_generator()))\n"
            f'    assert_learned([Criterion("error", {error}, {threshold})], "it")\n'
        )
        self.add_check("train", check)

    @property
    def loaded(self) -> Assignment:
        """The assignment as it is now."""
        return load_assignment(self.root, "tiny")

    def verify(self, item: str = "", jobs: int = 1) -> Report:
        """Verify it as it is now."""
        return verify(self.loaded, item=item, jobs=jobs)


def told(report: Report) -> dict[ProblemKind, list[str]]:
    """Return the lines of a report's problems by their kind."""
    lines: dict[ProblemKind, list[str]] = {}
    for problem in report.problems:
        lines.setdefault(problem.kind, []).append(str(problem))
    return lines
