"""Grades the reference of every assignment as Gradescope would, under its limits: time, processor seconds, memory.

The bundle runs on the emulated platform with 600 s, inside control groups of 3 GB and two processors that are there
before it starts. Needs root, control groups of version 1, and minutes for each assignment.

python benchmarks/full_grading.py                        # all, with this Python's environment
python benchmarks/full_grading.py ift6135_a3 --image ROOT --autograder FOLDER    # where setup.sh was run
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from autograder.assignment import load_assignment, slugs  # noqa: E402
from autograder.platforms.gradescope.bundle import bundle_files  # noqa: E402
from autograder.references import reference_name  # noqa: E402
from autograder.release.building import build  # noqa: E402
from tests.end_to_end.harness import Gradescope, Verdict  # noqa: E402

GROUPS = Path("/sys/fs/cgroup")
MEMORY, PROCESSORS, TIMEOUT = 3 * 2**30, 2, 600
PERIOD = 100_000
"""Microseconds over which the system counts a quota of processor time."""
SHARES = 16 * 1024
"""Sixteen times what another program gets, so that the processors are there as they would be on the platform."""
MIB = 2**20


def main() -> None:
    """Grade one assignment after the other and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slugs", nargs="*", metavar="SLUG", default=slugs(ROOT), help="assignments; all by default")
    parser.add_argument("--image", type=Path, default=Path("/"), help="root folder of the system to grade in")
    parser.add_argument("--autograder", type=Path, help="the folder that setup.sh had as /autograder")
    arguments = parser.parse_args()
    if unknown := [slug for slug in arguments.slugs if slug not in slugs(ROOT)]:
        parser.error(f"no assignment {unknown[0]!r}; known: {', '.join(slugs(ROOT))}")
    table = Table(title=f"the reference, {MEMORY / 2**30:g} GB, {PROCESSORS} processors, {TIMEOUT} s")
    columns = (
        "assignment",
        "points",
        "wall s",
        "CPU s",
        "peak MiB",
        "with page cache",
        "limit hit",
        "ended",
        "not graded",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "assignment" else "right")
    for slug in arguments.slugs:
        with tempfile.TemporaryDirectory() as folder, groups() as joined:
            platform = prepare(slug, Path(folder), arguments.image, arguments.autograder)
            handed_in = references(slug)
            watcher = Watcher(joined["memory"])
            measured = in_groups(joined, partial(grade, platform, handed_in))
            for item in measured["items"]:
                if item[0] < item[1]:
                    Console(stderr=True, width=120).print(slug, *item, markup=False)
            if measured["verdict"] != Verdict.ACCEPTED or "status" in measured["shown"]:
                Console(stderr=True).print(measured["shown"], markup=False)
            table.add_row(slug, *row(measured, joined, watcher.end()))
            Console(stderr=True, width=120).print(table)
    Console(width=120).print(table)


@contextmanager
def groups() -> Iterator[dict[str, Path]]:
    """Make the control groups with their limits; remove them at the end, when nothing is left in them."""
    made = {kind: GROUPS / kind / f"autograder-{os.getpid()}" for kind in ("memory", "cpu", "cpuacct")}
    for folder in made.values():
        folder.mkdir()
    (made["memory"] / "memory.limit_in_bytes").write_text(str(MEMORY))
    (made["cpu"] / "cpu.cfs_period_us").write_text(str(PERIOD))
    (made["cpu"] / "cpu.cfs_quota_us").write_text(str(PERIOD * PROCESSORS))
    (made["cpu"] / "cpu.shares").write_text(str(SHARES))
    try:
        yield made
    finally:
        for folder in made.values():
            folder.rmdir()


def in_groups(joined: dict[str, Path], work: partial[dict[str, Any]]) -> dict[str, Any]:
    """Do the work in a process that joins the groups first, so that all of its memory counts; return its result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for folder in joined.values():
                (folder / "cgroup.procs").write_text(str(os.getpid()))
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as replies:
        reply = replies.read()
    os.waitpid(child, 0)
    time.sleep(1)  # until the system has forgotten the last process
    return dict(json.loads(reply))


def prepare(slug: str, folder: Path, image: Path, autograder: Path | None) -> Gradescope:
    """Put the bundle of an assignment on the platform, with what ``setup.sh`` has made, or this environment."""
    build(ROOT, [slug], out=folder, platform_files=bundle_files, templates=folder / "templates")
    bundle = (folder / f"{slug}_gradescope.zip").read_bytes()
    places = {"venv": Path(sys.prefix)} if autograder is None else {n: autograder / n for n in ("venv", "python")}
    places = {name: place for name, place in places.items() if place.is_dir()}
    platform = Gradescope(folder, bundle, image=image, files={f"/autograder/{n}": p for n, p in places.items()})
    for name in (*places, "home"):
        (platform.root / name).mkdir()
    return platform


def grade(platform: Gradescope, handed_in: dict[str, bytes]) -> dict[str, Any]:
    """Hand in, and return what came of it."""
    run = platform.submit(handed_in, timeout=TIMEOUT)
    tests = [test for test in (run.results or {}).get("tests", []) if "max_score" in test]
    extra = [test["extra_data"] for test in tests]
    items = [
        (test["score"], test["max_score"], more["outcome"], more["item"])
        for test, more in zip(tests, extra, strict=True)
    ]
    return {"verdict": run.verdict, "seconds": run.command.seconds, "items": items, "shown": run.command.stdout}


def references(slug: str) -> dict[str, bytes]:
    """Return the hand-in: the reference files, notebooks as they are kept."""
    assignment = load_assignment(ROOT, slug)
    names = [reference_name(assignment, name) for name in assignment.manifest.files.required]
    return {name: (ROOT / "solutions" / slug / name).read_bytes() for name in names}


class Watcher:
    """Looks at a group's anonymous memory again and again; what the page cache takes is given back under pressure."""

    def __init__(self, group: Path) -> None:
        self._group, self._peak, self._over = group, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            counts = dict(line.split() for line in (self._group / "memory.stat").read_text().splitlines())
            self._peak = max(self._peak, int(counts["total_rss"]) + int(counts["total_shmem"]))

    def end(self) -> int:
        """Stop, and return the peak in bytes."""
        self._over.set()
        self._thread.join()
        return self._peak


def row(measured: dict[str, Any], joined: dict[str, Path], peak: int) -> tuple[str, ...]:
    """Return the figures of one grading."""
    items, memory = measured["items"], joined["memory"]
    ended = dict(line.split() for line in (memory / "memory.oom_control").read_text().splitlines())
    cpu = int((joined["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
    return (
        f"{sum(item[0] for item in items):g} of {sum(item[1] for item in items):g}",
        f"{measured['seconds']:.0f}",
        f"{cpu:.0f}",
        f"{peak / MIB:.0f}",
        f"{int((memory / 'memory.max_usage_in_bytes').read_text()) / MIB:.0f}",
        (memory / "memory.failcnt").read_text().strip(),
        ended.get("oom_kill", "?"),
        str(sum(item[2] in ("BLOCKED", "ERROR") for item in items)),
    )


if __name__ == "__main__":
    main()
