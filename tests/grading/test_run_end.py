"""No wait for a worker goes past the end of the run; what was done until then is in the results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.platforms.gradescope.validate import is_warning, validate_results
from autograder.sandbox.out_of_process import start_zygote
from autograder.sandbox.trusted import plain_workers, zygote
from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.sandbox.trusted.faults import NotEnoughTime, WorkersLost
from autograder.sandbox.trusted.plain_workers import PlainWorkers
from autograder.sandbox.trusted.zygote import Zygote
from tests import processes
from tests.tiny import Tiny

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="stops the process that workers come from")

SHORT = 0.5
STOPPED = """
import os, signal
from autograder.sandbox.trusted import zygote, zygote_factory
zygote.END_SECONDS = zygote_factory.END_SECONDS = 1.0
zygote_factory.forget_start = lambda: os.kill(os.getpid(), signal.SIGSTOP)
from autograder.cli import main
main()
"""
"""The command, on a machine so busy that the process that workers come from never gets a processor."""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    yield folder
    remove_tree(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


@contextmanager
def stopped(folder: Path, run_ends: float | None) -> Iterator[Zygote]:
    """Workers' source that never answers."""
    with start_zygote(folder, readable=[], memory=2**30, cpu_seconds=10, run_ends=run_ends) as stopped:
        os.kill(stopped.pid(time.monotonic() + zygote.START_SECONDS), signal.SIGSTOP)
        yield stopped


def test_the_wait_for_a_first_worker_ends_with_the_run(folder: Path) -> None:
    begun = time.monotonic()
    with stopped(folder, begun + SHORT) as workers:
        with pytest.raises(NotEnoughTime):
            workers.fork_worker()
        assert SHORT <= time.monotonic() - begun < zygote.START_SECONDS / 2
        os.kill(workers.pid(), signal.SIGCONT)
        with pytest.raises(NotEnoughTime):
            workers.fork_worker()
    assert list(folder.iterdir()) == []


def test_what_a_source_of_workers_was_asked_before_it_was_left_costs_no_folder(folder: Path) -> None:
    """It answers an order when nobody listens any more: the grader has left, and goes on in its folder."""
    with stopped(folder, None) as workers:
        workers._order()
        threading.Timer(SHORT, os.kill, (workers.pid(), signal.SIGCONT)).start()
    assert folder.is_dir()


def test_whoever_ends_the_run_ends_the_wait(folder: Path) -> None:
    begun = time.monotonic()
    with stopped(folder, None) as workers:
        threading.Timer(SHORT, lambda: workers.stop("enough")).start()
        with pytest.raises(WorkersLost, match="enough"):
            workers.fork_worker()
        assert time.monotonic() - begun < zygote.START_SECONDS / 2
        os.kill(workers.pid(), signal.SIGCONT)


def test_the_wait_for_a_plain_worker_ends_with_the_run(folder: Path) -> None:
    workers = PlainWorkers(folder, ["torch"], time.monotonic() + SHORT / 5)  # less than importing torch takes
    try:
        begun = time.monotonic()
        with pytest.raises(NotEnoughTime):
            workers.fork_worker()
        assert time.monotonic() - begun < plain_workers.START_SECONDS / 2
    finally:
        workers.close()


def start(tiny: Tiny, *options: str) -> subprocess.Popen[str]:
    command = ["grade", "tiny", str(tiny.reference), "--root", str(tiny.root), "--out", str(tiny.root / "out")]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", STOPPED, *command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "AUTOGRADER_CLEAN": "1", "OMP_NUM_THREADS": "1"},
    )


def messages(tiny: Tiny) -> list[str]:
    """What the results say of every item of the grader, if they are valid and all of them BLOCKED."""
    file = tiny.root / "out" / "results.json"
    assert [problem for problem in validate_results(file) if not is_warning(problem)] == []
    tests = [test for test in json.loads(file.read_text(encoding="utf-8"))["tests"] if "max_score" in test]
    assert {test["extra_data"]["outcome"] for test in tests} == {"BLOCKED"}
    return [test["output"] for test in tests]


@pytest.mark.thorough
def test_a_run_that_never_gets_a_worker_ends_with_its_deadline(tiny: Tiny) -> None:
    with start(tiny, "--deadline", "15") as run:
        output = run.communicate()[0]
    assert run.returncode == 1, output
    assert all("the time of the whole run (15 s) was over" in message for message in messages(tiny))


@pytest.mark.thorough
def test_a_signal_ends_the_wait_for_a_worker(tiny: Tiny) -> None:
    with start(tiny) as run:
        while "T" not in map(processes.state, processes.descendants(run.pid)):
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        output = run.communicate()[0]
    assert time.monotonic() - begun < zygote.START_SECONDS, output
    assert all("the grading was interrupted (SIGTERM)" in message for message in messages(tiny))
