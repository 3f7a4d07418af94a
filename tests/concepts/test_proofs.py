"""Every concept is proved by itself, and a property that sees nothing is found out."""

from __future__ import annotations

import pytest

from autograder.assignment import load_assignment
from autograder.verify.matrix import ProblemKind
from autograder.verify.verifying import verify
from tests.concepts.course import CONCEPT, ConceptCourse
from tests.verify.proving import told


def test_a_property_that_cannot_fail_is_found(tmp_path):
    course = ConceptCourse(tmp_path)
    path = course.root / "assignments" / course.concept / "checks/public/test_sampling.py"
    blind = """

from autograder.checks import Contract, Spread, prop


@prop()
def has_a_shape(draw):
    import torch

    assert draw(torch.zeros(4, 2), torch.zeros(4, 2)).shape is not None


OPTIONS = {"shapes": (), "repeats": (1,), "spread": Spread.LOGVAR}
reparameterization = Contract("reparameterization", 1, ("mean", "logvar"), (has_a_shape,), OPTIONS)
"""
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("from autograder.concepts.reparameterization import reparameterization\n")
    path.write_text(head + blind.lstrip() + rest, encoding="utf-8")
    report = verify(load_assignment(course.root, CONCEPT), item="sample", jobs=2)
    assert any("has_a_shape" in line for line in told(report)[ProblemKind.IDLE_CHECK])


EXEMPT = 'call="sample(mean, logvar)", exempt={"every_number_has_noise_of_its_own": "it is the same for all numbers"}'


@pytest.mark.thorough
def test_an_exempted_property_is_no_check_and_must_not_hold(tmp_path):
    course = ConceptCourse(tmp_path)
    checks = course.root / "assignments" / course.concept / "checks/public/test_sampling.py"
    text = checks.read_text(encoding="utf-8")
    assert 'call="sample(mean, logvar)"' in text
    checks.write_text(text.replace('call="sample(mean, logvar)"', EXEMPT), encoding="utf-8")
    report = verify(load_assignment(course.root, CONCEPT), item="sample", jobs=2)
    (exemption,) = report.exemptions
    assert exemption.holds and exemption.reason == "it is the same for all numbers"
    assert exemption.check not in {check.id for check in report.checks}
    (line,) = told(report)[ProblemKind.EXEMPTION]
    assert "every_number_has_noise_of_its_own" in line and "remove the exemption" in line
    assert report.concepts == {"reparameterization": 1}
    reference = course.root / "solutions" / course.concept / "sampling.py"
    shared = reference.read_text(encoding="utf-8").replace("torch.randn_like(mean)", "torch.randn_like(mean[:, :1])")
    reference.write_text(shared, encoding="utf-8")
    report = verify(load_assignment(course.root, CONCEPT), item="sample", jobs=2)
    assert [exemption.holds for exemption in report.exemptions] == [False]
    assert ProblemKind.EXEMPTION not in told(report)
