"""The command `batch` on a Dask cluster: a real scheduler, real workers, one killed in the middle, one added late."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from distributed import Client

from tests.batch.clusters import FEW, Cluster, start
from tests.batch.test_batch import attempts, batch, graded, write_class
from tests.tiny import Tiny

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch grades in forks"),
]


def test_every_submission_is_graded_once_where_workers_come_and_go(tmp_path: Path, cluster: Cluster) -> None:
    here, there = Tiny(tmp_path / "here"), Tiny(tmp_path / "there")
    for tiny in (here, there):
        write_class(tiny, {name: name for name in FEW})
    workers = [cluster.add_worker(), cluster.add_worker()]
    run = start(there, cluster.address)
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


def on_their_way(client: Client) -> tuple[int, int]:
    """How many jobs workers have, and for how many there is none."""

    def count(dask_scheduler: Any) -> tuple[int, int]:
        given = sum(len(worker.processing) for worker in dask_scheduler.workers.values())
        return given, len(dask_scheduler.unrunnable) + len(dask_scheduler.queued)

    given, waiting = client.run_on_scheduler(count)
    return int(given), int(waiting)


def test_no_more_jobs_are_on_their_way_than_asked_for(tmp_path: Path, cluster: Cluster) -> None:
    tiny = Tiny(tmp_path / "course")
    write_class(tiny, {name: name for name in FEW[:4]})
    cluster.add_worker()
    with Client(cluster.address, set_as_default=False) as client:
        for cap, most in ((1, {0, 1}), (3, {0, 1, 2, 3})):
            seen = set()
            run = start(tiny, cluster.address, "--jobs", str(cap), "--again")
            while run.poll() is None:
                seen.add(sum(on_their_way(client)))
                time.sleep(0.01)
            assert run.returncode == 0, run.communicate()
            assert seen <= most and max(seen) >= min(cap, 2)  # two are given to one worker: one is always at hand
    assert len(graded(tiny)) == 5


def test_what_needs_a_gpu_waits_for_a_worker_that_has_one(tmp_path: Path, cluster: Cluster) -> None:
    tiny = Tiny(tmp_path / "course")
    write_class(tiny, {"ada": "ada"})
    cluster.add_worker()
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(1)
        run = start(tiny, cluster.address, "--device", "cuda")
        while on_their_way(client) != (0, 2):  # the worker that is there has no GPU
            assert run.poll() is None, run.communicate()
            time.sleep(0.1)
        cluster.add_worker("--resources", "GPU=1")
        run.communicate(timeout=120)
    assert run.returncode == (0 if torch.cuda.is_available() else 1)  # the label was no more than a word here


def test_workers_with_another_version_are_refused_in_one_line(tmp_path: Path, cluster: Cluster) -> None:
    tiny = Tiny(tmp_path / "course")
    write_class(tiny, {"ada": "ada"})
    installed = tmp_path / "old" / "autograder-0.0.1.dist-info" / "METADATA"
    installed.parent.mkdir(parents=True)
    installed.write_text("Metadata-Version: 2.1\nName: autograder\nVersion: 0.0.1\n")
    cluster.add_worker(PYTHONPATH=str(tmp_path / "old"))
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(1)
    run = batch(tiny, "--scheduler", cluster.address)
    assert run.returncode == 2 and len(run.stderr.splitlines()) == 1, run.stderr
    assert "has autograder 0.0.1" in run.stderr and run.stderr.endswith("install the same on all\n")


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    write_class(tiny, {"ada": "ada"})
    for address in ("nowhere", "tcp://127.0.0.1:1", "127.0.0.1:1"):
        run = batch(tiny, "--scheduler", address)
        assert run.returncode == 2
        assert re.fullmatch(rf"autograder: --scheduler {address}: no Dask scheduler answers there .*\n", run.stderr)
