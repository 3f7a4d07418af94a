"""A Dask cluster for tests: its scheduler, its workers, and a batch that is given to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.batch.test_batch import CLASS
from tests.tiny import Tiny

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

    def _start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"dask-{len(self.processes)}.log").open("wb")
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        environment = {**os.environ, **variables}
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, env=environment
        )
        self.processes.append(process)
        return process

    def add_worker(self, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker, which can run one job at a time."""
        alone = ("--nthreads", "1", "--no-dashboard", "--no-nanny")
        return self._start("worker", self.address, *alone, *options, **variables)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def start(tiny: Tiny, address: str, *options: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-P", "-m", "autograder", "batch", "tiny", str(tiny.root / "class")]
    arguments += ["--root", str(tiny.root), "--out", str(tiny.root / "grades"), "--sandbox", "best-effort"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*arguments, "--scheduler", address, *options], stdout=pipe, stderr=pipe)
