"""What a class costs where nothing is graded: the scheduler, the run that feeds it, and the journal.

    python benchmarks/cluster.py [COUNT]

Starts a Dask scheduler with two workers here, and gives them COUNT jobs of the size of real ones, each of which answers
at once with a real result. Prints, for each job, processor time of the scheduler and of this process as parts of that
of `import torch, torchvision` in the same run, and bytes: of a job, of its answer, of the journal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.assignment import load_assignment
from autograder.batch.jobs import Job, graded_of, job_of, run_job
from autograder.batch.journal import JOURNAL, Claim, ClassEntry, Journal
from autograder.batch.listing import ListedSubmission
from autograder.batch.places import cluster
from autograder.batch.warm_process import GraderSpec

ROOT = Path(__file__).resolve().parents[1]
SLUG = "ift6135_a3"


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Start a scheduler with workers; give its address and its process."""
    address = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    begin = [sys.executable, "-m", "distributed.cli"]
    scheduler = [*begin[:-1], "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    processes = [subprocess.Popen([*scheduler, "--scheduler-file", str(address)], **quiet)]
    worker = [*begin[:-1], "distributed.cli.dask_worker", "--scheduler-file", str(address), "--nthreads", "2"]
    processes += [subprocess.Popen([*worker, "--no-dashboard", "--no-nanny"], **quiet) for _ in range(workers)]
    try:
        while not address.is_file():
            time.sleep(0.1)
        yield json.loads(address.read_text())["address"], processes[0].pid
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def seconds_of(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def seconds_of_import() -> float:
    """Processor time of a process that imports both libraries."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "import torch, torchvision"], dict(os.environ))
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_utime + usage.ru_stime


def entries_of(count: int, source: Path) -> list[ClassEntry]:
    """A class whose submissions are all there, and all different."""
    return [
        ClassEntry(ListedSubmission(f"submission_{number}", source), f"{number:064x}", "0" * 64)
        for number in range(count)
    ]


def feed(address: str, journal: Journal, entries: list[ClassEntry], job: Job, answer: Mapping[str, Any]) -> None:
    """Give the jobs to the cluster as a batch does, and put what comes back into the journal."""
    waiting: deque[tuple[str, Claim, Future[Any]]] = deque()
    with cluster(address, None, gpu=False) as place:
        for entry in entries:
            claim = journal.claim(entry)
            assert isinstance(claim, Claim)
            waiting.append((entry.key, claim, place.executor.submit(answer_with, dict(job), dict(answer))))
            while len(waiting) >= place.room():
                finish(journal, *waiting.popleft())
        while waiting:
            finish(journal, *waiting.popleft())


def finish(journal: Journal, key: str, claim: Claim, future: Future[Any]) -> None:
    """Wait for an answer, and keep it."""
    journal.finish(claim, graded_of(key, future.result()))


def answer_with(job: Job, answer: dict[str, Any]) -> dict[str, Any]:
    """Grade nothing."""
    return answer


def main(count: str = "1000") -> None:
    """Print what each job costs."""
    assignment = load_assignment(ROOT, SLUG)
    assert assignment.reference is not None
    listed = ListedSubmission("submission_0", assignment.reference)
    job = job_of(GraderSpec(str(ROOT), SLUG, training=False), listed)
    answer = run_job(job)
    entries = entries_of(int(count), assignment.reference)
    with tempfile.TemporaryDirectory() as temporary, dask(Path(temporary), 2) as (address, scheduler):
        path = Path(temporary) / JOURNAL
        imports = seconds_of_import()
        with Journal.open(path) as journal:
            journal.begin(SLUG, entries)
            own, scheduling, began = time.process_time(), seconds_of(scheduler), time.monotonic()
            feed(address, journal, entries, job, answer)
            own, scheduling = time.process_time() - own, seconds_of(scheduler) - scheduling
            passed = time.monotonic() - began
        size = path.stat().st_size
    each = 1 / len(entries)
    print(f"scheduler: {scheduling * each / imports:.4f}x of importing torch and torchvision for each submission")
    print(f"the run that feeds it, journal included: {own * each / imports:.4f}x")
    print(f"submissions while that is imported once: {imports / (passed * each):.0f}")
    print(f"bytes: job {len(json.dumps(job))}, answer {len(json.dumps(answer))}, journal {size * each:.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
