"""Programs of the system that tests are skipped without, by name; where all are installed, such a skip fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

INSTALLED = "AUTOGRADER_TEST_PROGRAMS_ARE_INSTALLED"
"""An environment variable: where it is set, what a test lacks is a failure."""
REASON = "needs the program "


def missing(*names: str) -> str:
    """Return why a test is skipped here that needs one of these programs; "" where there is one."""
    return "" if any(map(shutil.which, names)) else f"{REASON}{' or '.join(names)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Turn the skip of a test that lacks a program into a failure where all programs are said to be installed."""
    report: Any = yield
    if report.skipped and os.environ.get(INSTALLED) and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if REASON in reason:
            report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped: {reason}"
    return report
