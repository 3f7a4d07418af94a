"""A pytest plugin for whoever starts pytest on checks: one line that says what to start instead."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

INSTEAD = "these are checks of autograder, which pytest alone cannot run; use `autograder check`, as README.txt says"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """End the run where a check was collected; autograder itself runs pytest without this plugin."""
    declaring = sys.modules.get(
        "autograder.checks.authoring.declaring"
    )  # every check imports it; it is too heavy for others
    if declaring is not None and any(declaring.declaration_of(getattr(item, "function", None)) for item in items):
        pytest.exit(INSTEAD, 2)
