"""What a student waits for an answer, against the import of torch in the same run.

    python benchmarks/student_loop.py [SLUG] [ITEM] [COUNT]

Prints medians of COUNT: the time of `import torch`; of an answer of `check --watch`, from a file that was saved to the
result, and what of it is not the checks' own time; of the same item by `check`, which imports everything anew.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.assignment import load_assignment
from autograder.grading.options import Options
from autograder.grading.preloading import named_modules
from autograder.launch import clean_environment
from autograder.release.template import make_template
from autograder.student.own_folder import unpacked
from autograder.student.quick_answers import open_answers
from autograder.submission import read_submission

ROOT = Path(__file__).resolve().parents[1]


def seconds_of(command: list[str], folder: Path) -> float:
    """Wall time of a command."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=clean_environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def student_folder(slug: str, folder: Path) -> Path:
    """The template of an assignment whose blanks are filled in by the reference."""
    assignment = load_assignment(ROOT, slug)
    assert assignment.reference is not None
    for name, data in make_template(assignment).files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for path in assignment.reference.glob("*.py"):
        shutil.copy(path, folder)
    return folder


def main(slug: str = "ift6135_a3", item: str = "vae.kl", count: str = "5") -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / slug
        folder.mkdir()
        assignment = unpacked(student_folder(slug, folder))
        times = range(int(count))
        imports = statistics.median(seconds_of([sys.executable, "-c", "import torch"], folder) for _ in times)
        command = [sys.executable, "-P", "-m", "autograder", "check", item]
        anew = statistics.median(seconds_of(command, folder) for _ in times)
        preload = named_modules(assignment, read_submission(folder, assignment))
        waits, beyond = [], []
        with open_answers(assignment, Options(training=False, hidden=False), preload) as answers:
            answers.check(frozenset({item}))  # what only the first one costs
            for _ in times:
                started = time.perf_counter()
                result = answers.check(frozenset({item}))
                waits.append(time.perf_counter() - started)
                beyond.append(waits[-1] - sum(check.seconds for one in result.items for check in one.checks))
    print(f"import torch: {imports:.2f} s")
    print(f"check {item}: {anew / imports:.2f}x of it")
    print(f"check --watch, an answer: {statistics.median(waits) / imports:.2f}x", end="")
    print(f", {statistics.median(beyond) / imports:.2f}x beyond the checks themselves")


if __name__ == "__main__":
    os.environ.update(clean_environment())
    main(*sys.argv[1:])
