"""What all tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.programs import pytest_runtest_makereport
from tests.tiny import Tiny
from tests.warm import command

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="module", autouse=True)
def _single_threaded() -> Iterator[None]:
    """Small tensors: a second thread would only wait for the first, and keep processes from being forked later."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def warm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small courses are graded by the command without its start, which takes longer than the grading.

    A test marked ``cold``, in a module that uses this, gets the command as it is.
    """
    if request.node.get_closest_marker("cold") is None:
        monkeypatch.setattr(Tiny, "command", staticmethod(command))


@pytest.fixture(autouse=True)
def _from_one_seed() -> None:
    """What this process draws in a test is the same in every run, so that a failure comes back when it is looked at."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
