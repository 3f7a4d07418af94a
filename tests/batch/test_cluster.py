"""The command `batch` on a Dask cluster: a real scheduler, real workers, one killed in the middle, one added late."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.test_batch import CLASS, attempts, batch, graded, write_class
from tests.tiny import Tiny

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch grades in forks"),
]
FEW = [name for name in CLASS if name not in ("cyd", "ida", "jan")]


class Cluster:
    """A scheduler, and workers that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file), "--no-dashboard")
        while not self._file.exists():
            time.sleep(0.1)
        self.address = json.loads(self._file.read_text())["address"]

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"dask-{len(self.processes)}.log").open("wb")
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        self.processes.append(
            subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        )
        return self.processes[-1]

    def add_worker(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker, which can run one job at a time."""
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny", *options)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster")
    yield cluster
    cluster.close()


def test_every_submission_is_graded_once_where_workers_come_and_go(tmp_path: Path, cluster: Cluster) -> None:
    here, there = Tiny(tmp_path / "here"), Tiny(tmp_path / "there")
    for tiny in (here, there):
        write_class(tiny, {name: name for name in FEW})
    workers = [cluster.add_worker(), cluster.add_worker()]
    arguments = [sys.executable, "-P", "-m", "autograder", "batch", "tiny", str(there.root / "class")]
    arguments += ["--root", str(there.root), "--out", str(there.root / "grades"), "--sandbox", "best-effort"]
    run = subprocess.Popen([*arguments, "--scheduler", cluster.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (there.root / "grades" / "submissions").is_dir():
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    workers[0].send_signal(signal.SIGKILL)
    cluster.add_worker()
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, (out, err)
    assert batch(here).returncode == 0
    assert graded(there) == graded(here) and len(graded(there)) == len(FEW) + 1
    assert set(attempts(there).values()) <= {0, 1}


def test_no_more_jobs_are_on_their_way_than_asked_for(tmp_path: Path, cluster: Cluster) -> None:
    tiny = Tiny(tmp_path / "course")
    write_class(tiny, {name: name for name in FEW[:3]})
    cluster.add_worker("--resources", "GPU=1")
    run = batch(tiny, "--scheduler", cluster.address, "--jobs", "1")
    assert run.returncode == 0, run.stderr
    assert len(graded(tiny)) == 4


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    write_class(tiny, {"ada": "ada"})
    for address in ("nowhere", "tcp://127.0.0.1:1", "127.0.0.1:1"):
        run = batch(tiny, "--scheduler", address)
        assert run.returncode == 2
        assert re.fullmatch(rf"autograder: --scheduler {address}: no Dask scheduler answers there .*\n", run.stderr)
