"""All checks of an assignment, collected once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("options", ["--junitxml=x.xml", "-k nothing", "-p no:python", "--collect-only", "-n 2"])
def test_what_the_environment_says_to_pytest_changes_nothing(tmp_path, monkeypatch, options):
    assignment = load_assignment(Tiny(tmp_path).root, "tiny")
    expected = [check.id for check, _ in CheckSuite.collect(assignment).checks]
    monkeypatch.setenv("PYTEST_ADDOPTS", options)
    monkeypatch.setenv("PYTEST_PLUGINS", "nothing_of_this_name")
    assert [check.id for check, _ in CheckSuite.collect(assignment).checks] == expected
    assert os.environ["PYTEST_ADDOPTS"] == options and expected
