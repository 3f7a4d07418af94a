"""What a submission costs in a batch, against the import of torch and torchvision in the same run.

    python benchmarks/batch.py [SLUG] [COUNT]

Prints the median processor time of COUNT gradings of the reference by one warm grader, without training, with all that
they start, as a multiple of the median of five imports; and the memory of all its processes late in the run, as a
multiple of what it was after a fifth of the gradings.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
from contextlib import suppress
from pathlib import Path

from autograder.assignment import load_assignment
from autograder.grading.options import Options
from autograder.grading.warm import WarmGrader, open_warm_grader
from autograder.launch import clean_environment

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = 5


def seconds_of_import() -> float:
    """Processor time of a process that imports both libraries."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "import torch, torchvision"], clean_environment())
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_utime + usage.ru_stime


def processes(pid: int) -> list[int]:
    """The process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(found for child in children for found in processes(int(child)))]


def seconds_so_far() -> float:
    """Processor time of this process and of all below it, dead or alive."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = own.ru_utime + own.ru_stime
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total += ended.ru_utime + ended.ru_stime
    for pid in processes(os.getpid())[1:]:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def bytes_in_use() -> int:
    """Proportional memory of this process and of all below it."""
    total = 0
    for pid in processes(os.getpid()):
        with suppress(ProcessLookupError):  # it has ended, and nobody has asked yet what of
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def measure(grader: WarmGrader, path: Path, count: int) -> tuple[list[float], list[int]]:
    """Grade what is at a path so often; the processor time of each, and the memory after each."""
    seconds, memory = [], []
    for _ in range(count):
        before = seconds_so_far()
        result = grader.grade(path)
        assert result.points > 0
        seconds.append(seconds_so_far() - before)
        memory.append(bytes_in_use())
    return seconds, memory


def main(slug: str = "ift6135_a3", count: str = "50") -> None:
    """Print the ratios."""
    assignment = load_assignment(ROOT, slug)
    assert assignment.reference is not None
    with open_warm_grader(assignment, Options(training=False)) as grader:
        grader.grade(assignment.reference)  # what only the first one costs
        imports = [seconds_of_import() for _ in range(IMPORTS)]
        seconds, memory = measure(grader, assignment.reference, int(count))
    each, base = statistics.median(seconds), statistics.median(imports)
    print(
        f"{slug}, one submission in a batch: {each / base:.2f}x import torch, torchvision ({each:.2f} s, {base:.2f} s)"
    )
    early, late = memory[max(0, len(memory) // 5 - 1)], memory[-1]
    print(f"memory after {len(memory)} submissions: {late / early:.3f}x ({late / 2**20:.0f} MB)")


if __name__ == "__main__":
    if os.environ.get("AUTOGRADER_CLEAN") != "1":
        os.execve(sys.executable, [sys.executable, "-P", *sys.argv], clean_environment())
    main(*sys.argv[1:])
