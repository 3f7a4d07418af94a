"""A batch on workers that are jobs of Slurm: a real one, with one node, this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.batch.clusters import FEW, Cluster, start
from tests.batch.test_batch import attempts, batch, graded, write_class
from tests.programs import missing
from tests.tiny import Tiny

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="starts daemons as root"),
]
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={controller}
SlurmdPort={node}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


class Slurm:
    """The daemons of a cluster with one node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir(mode=0o700)
        key = folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        self._configuration = folder / "slurm.conf"
        ports = {"controller": _free_port(), "node": _free_port(), "cores": os.cpu_count() or 1}
        text = CONFIGURATION.format(host=socket.gethostname().partition(".")[0], folder=folder, **ports)
        self._configuration.write_text(text, encoding="utf-8")
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemons, and wait until the node can be used."""
        munge = [f"--{what}-file={self.folder}/munge/{what}" for what in ("key", "pid", "log", "seed")]
        self._daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge.sock", *munge)
        self._wait(lambda: (self.folder / "munge.sock").exists())
        for name in ("slurmctld", "slurmd"):
            self._daemon(name, "-D", "-f", str(self._configuration))
        self._wait(lambda: "idle" in self.asks("sinfo", "--noheader").stdout)

    def asks(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Slurm's."""
        environment = {**os.environ, "SLURM_CONF": str(self._configuration)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=self.folder)

    def submits(self, command: list[str]) -> str:
        """Submit a job with one processor; return its number."""
        script = self.folder / "job.sh"
        script.write_text(f"#!/bin/sh\nexec {' '.join(command)}\n", encoding="utf-8")
        done = self.asks("sbatch", "--parsable", "--cpus-per-task=1", "--output=job-%j.log", str(script))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def close(self) -> None:
        self.asks("scancel", "--signal=KILL", "--user=root")
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def _daemon(self, *command: str) -> None:
        log = (self.folder / f"{command[0]}.log").open("wb")
        self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, [p.read_text() for p in self.folder.glob("*.log")]
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def slurm() -> Iterator[Slurm]:
    for program in PROGRAMS:
        if reason := missing(program):
            pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:  # the paths of sockets must be short
        running = Slurm(Path(folder))
        try:
            running.start()
            yield running
        finally:
            running.close()


def test_jobs_of_slurm_grade_a_class_also_when_one_is_cancelled(tmp_path: Path, cluster: Cluster, slurm: Slurm) -> None:
    here, there = Tiny(tmp_path / "here"), Tiny(tmp_path / "there")
    for tiny in (here, there):
        write_class(tiny, {name: name for name in FEW})
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.address]
    worker += ["--nthreads", "1", "--no-dashboard", "--no-nanny"]
    jobs = [slurm.submits(worker) for _ in range(2)]
    run = start(there, cluster.address)
    while not (there.root / "grades" / "submissions").is_dir():
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    assert "RUNNING" in slurm.asks("squeue", "--noheader", "--format=%T", "--job", jobs[0]).stdout
    slurm.asks("scancel", jobs[0])
    slurm.submits(worker)
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, (out, err)
    assert batch(here).returncode == 0
    assert graded(there) == graded(here) and len(graded(there)) == len(FEW) + 1
    assert set(attempts(there).values()) <= {0, 1}
