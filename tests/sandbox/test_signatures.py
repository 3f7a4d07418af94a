"""Arguments in reports have the names that the submission gives them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.sandbox.trusted.signatures import Signatures
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
def plain(x, /, t=1, *rest, key=2): ...
class Model:
    def __init__(self, width, *others): ...
    def forward(this, images): ...
    @staticmethod
    def made(kind): ...
class Other:
    def __init__(self): ...
    def forward(self, images): ...
    def made(self, number): ...
"""


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("m.plain", ("x", "t")),
        ("m.Model", ("width",)),
        ("m.Model.forward", ("images",)),
        ("m.Model.made", ("kind",)),
        ("m.Other", ()),
        ("probes.built.forward", ("images",)),  # all methods of that name agree
        ("probes.built.made", ()),  # these do not
        ("m.nothing", ()),
        ("broken.f", ()),
    ],
)
def test_parameters_are_read_from_the_source(place: str, names: tuple[str, ...]) -> None:
    assert Signatures(lambda: {"m": SOURCE, "broken": "def f(x:"}).of(place) == names


def test_a_source_is_asked_for_when_a_report_needs_it_and_once() -> None:
    asked = []
    signatures = Signatures(lambda: asked.append(1) or {"m": SOURCE})
    assert asked == [] and signatures.of("m.plain") and signatures.of("m.Model") and asked == [1]


@pytest.mark.thorough
def test_reports_call_arguments_as_the_student_does(tmp_path: Path) -> None:
    assignment = load_assignment(ROOT, "ift6135_a3")
    assert assignment.reference is not None
    source = (assignment.reference / "vae_solution.py").read_text(encoding="utf-8")
    source = re.sub(
        r"(class DiagonalGaussianDistribution.*?def __init__\(self, )mean", r"\1mittel", source, count=1, flags=re.S
    )
    source = source.replace("self.mean = mean", "mean = self.mean = mittel", 1)
    wrong = "\nDiagonalGaussianDistribution.kl = lambda self: 0 * self.mean\n"
    (tmp_path / "vae_solution.py").write_text(source + wrong, encoding="utf-8")
    graded = CheckSuite.collect(assignment).grade(tmp_path, items={"vae.kl"})
    failures = [verdict.failure for check, verdict in graded["vae.kl"] if check.public and verdict.failure]
    assert failures and all(failure.inputs[0].startswith("mittel = ") for failure in failures)
    assert all(failure.inputs[1].startswith("logvar = ") for failure in failures)
