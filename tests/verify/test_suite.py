"""All checks of an assignment, collected once."""

from __future__ import annotations

from pathlib import Path

from autograder.assignment import load_assignment
from autograder.verify.execution.suite import CheckSuite
from tests.tiny import Tiny


def test_public_checks_are_public_wherever_the_root_is_named_from(tmp_path, monkeypatch):
    Tiny(tmp_path)
    monkeypatch.chdir(tmp_path)
    suites = [CheckSuite.collect(load_assignment(root, "tiny")) for root in (tmp_path, Path(), Path("assignments/.."))]
    ids = [[check.id for check, _ in suite.checks] for suite in suites]
    assert ids[0] == ids[1] == ids[2]
    assert sum(check.public for check, _ in suites[1].checks) == 3
