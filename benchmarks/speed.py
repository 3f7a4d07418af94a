"""Prints the speed table: every figure beside its target, every ratio against a baseline of the same run.

python benchmarks/speed.py            # about two minutes
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
SLUG = "ift6135_a3"
MODULE = """
import torch
def double(x): return x * 2
"""


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of every whole process; the median counts")
    runs = parser.parse_args().runs
    table = Table(title=f"speed, median of {runs}")
    for column in ("what", "measured", "baseline", "ratio", "target"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in [*whole_processes(runs), *inside()]:
        table.add_row(*row)
    Console().print(table)


def whole_processes(runs: int) -> list[tuple[str, str, str, str, str]]:
    """Time commands from outside, in turn with their baseline."""
    autograder = [sys.executable, "-P", "-m", "autograder"]
    solutions = str(ROOT / "solutions" / SLUG)
    with tempfile.TemporaryDirectory() as out:
        commands = {
            "imports": [sys.executable, "-c", "import torch, torchvision"],
            "grade": [*autograder, "grade", SLUG, solutions, "--no-training", "--root", str(ROOT), "--out", out],
            "build": [sys.executable, str(ROOT / "build.py"), "--out", out],
            "help": [*autograder, "--help"],
        }
        seconds = {name: [run(command) for _ in range(runs)] for name, command in commands.items()}
        results = json.loads((Path(out) / "results.json").read_text(encoding="utf-8"))
    median = {name: statistics.median(figures) for name, figures in seconds.items()}
    checks = sum(len(test["extra_data"].get("checks", [])) for test in results["tests"])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    ratio = median["grade"] / median["imports"]
    grade_name = f"grade {SLUG}, {checks} checks, against importing torch and torchvision"
    return [
        (grade_name, f"{median['grade']:.2f} s", f"{median['imports']:.2f} s", f"{ratio:.2f}", "<= 3"),
        ("build.py, all assignments", f"{median['build']:.2f} s", "", "", "<= 2 s"),
        ("autograder --help", f"{median['help'] * 1000:.0f} ms", "", "", "<= 150 ms"),
        ("peak memory of the largest process", f"{peak:.2f} GiB", "", "", "<= 1.5 GB with worker"),
    ]


def run(command: list[str]) -> float:
    """Return the wall-clock seconds of a command that must succeed."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - begun


def inside() -> list[tuple[str, str, str, str, str]]:
    """Time forks and calls in this process."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    import torch

    from autograder.checks.authoring.declaring import given
    from autograder.checks.authoring.strategies import diagonal_gaussians
    from autograder.grading.running import CheckRunner, RemoteName
    from autograder.sandbox.in_process import InProcessChannel
    from autograder.sandbox.out_of_process import start_zygote
    from autograder.sandbox.trusted.channel import Deadlines
    from autograder.sandbox.trusted.session import Session

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o711)
        (folder / "submission").mkdir(mode=0o755)
        (folder / "submission" / "hand_in.py").write_text(MODULE, encoding="utf-8")
        loader = {"folder": str(folder / "submission"), "extra": []}
        jailed_loader = {**loader, "skip": [], "statement_seconds": 5.0, "devices_on_cpu": False}
        with start_zygote(folder, readable=["submission"], memory=2**31, cpu_seconds=60) as zygote:

            def jailed(stand_ins: object = None, open_another: object = None) -> Session:
                return Session(zygote.fork_worker(), loader=jailed_loader, deadlines=Deadlines(10.0))

            def in_process(stand_ins: object = None, open_another: object = None) -> Session:
                return Session(InProcessChannel(), loader=loader)

            forks = [timed(jailed) for _ in range(20)]
            session = jailed()
            double, tensor = session.module("hand_in").double, torch.randn(8, 16)
            double(tensor)
            calls = [timed(lambda: double(tensor)) for _ in range(500)]

            @given(examples=100, q=diagonal_gaussians())
            def check(hand_in, q) -> None:  # type: ignore[no-untyped-def]
                hand_in.double(q.mean)

            runner = CheckRunner(check, check.__autograder_declaration__, {"hand_in": RemoteName("hand_in")}, 1)
            runner.grade(in_process, None, None)
            pairs = [
                (timed(lambda: runner.grade(jailed, None, None)), timed(lambda: runner.grade(in_process, None, None)))
                for _ in range(7)
            ]
    remote, local = (statistics.median(column) for column in zip(*pairs, strict=True))
    name = "100 Hypothesis examples, jailed against in process"
    return [
        ("fork of a jailed worker until it answers", f"{statistics.median(forks) * 1000:.1f} ms", "", "", "<= 30 ms"),
        ("one remote call with an 8x16 tensor", f"{statistics.median(calls) * 1000:.3f} ms", "", "", "<= 0.2 ms"),
        (name, f"{remote * 1000:.0f} ms", f"{local * 1000:.0f} ms", f"{remote / local:.2f}", "<= 2.2"),
    ]


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
