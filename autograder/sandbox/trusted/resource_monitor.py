"""Bounds that no limit of the kernel keeps: shared memory, threads of the grader's own user, files altogether.

A thread of the grader looks at every worker that lives, twenty times a second, whether it is being asked or not: a
small call costs nothing more, and neither half an answer nor a pause between two calls hides a worker from it.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox.trusted.cleanup import FOLDER

INTERVAL = 0.05
"""Seconds between two looks: a process fills some 100 MB of memory in that time."""
MEGABYTE = 2**20
SIZES = ("RssAnon", "RssShmem", "VmSwap", "VmPTE")
"""What counts as a worker's memory: its pages, shared ones, swapped ones, and page tables."""
MAX_DEPTH = 100
"""Folders within folders that are looked into: one descriptor is open for each."""


@dataclass(frozen=True)
class Bounds:
    """What one worker may use beyond what it was forked with; sizes in bytes."""

    memory: int
    disk: int
    files: int
    threads: int


class Watched:
    """One worker as seen from outside. What it owned when this object was made is not held against it."""

    def __init__(self, pid: int, scratch: Path, bounds: Bounds, stop: Callable[[str], None]) -> None:
        self._folder = Path("/proc") / str(pid)
        self._scratch = scratch
        self._bounds = bounds
        self.stop = stop
        inherited = self._status()
        self._pages, self._tables = _pages(inherited), inherited.get("VmPTE", 0)

    def excess(self) -> str:
        """Return which bound the worker passed and its value, "" where it keeps them all or is gone."""
        bounds, status = self._bounds, self._status()
        pages, tables = _pages(status), status.get("VmPTE", 0)
        used = max(0, pages - self._pages) + status.get("RssShmem", 0) + max(0, tables - self._tables)
        if used > bounds.memory:
            return f"stopped: it used more than {bounds.memory // MEGABYTE} MB of memory"
        if status.get("Threads", 0) > bounds.threads:
            return f"stopped: it had more than {bounds.threads} threads"
        return self._excess_of_files()

    def _excess_of_files(self) -> str:
        count = size = 0
        for blocks in self._files():
            if blocks is None:
                return "stopped: it made a folder that nobody can look into"
            count, size = count + 1, size + blocks * 512
            if count > self._bounds.files:
                return f"stopped: it made more than {self._bounds.files} files"
            if size > self._bounds.disk:
                return f"stopped: it filled more than {self._bounds.disk // MEGABYTE} MB of disk"
        return ""

    def _status(self) -> dict[str, int]:
        """Return sizes in bytes, and the number of threads; nothing where the process is gone or Linux is missing."""
        try:
            lines = (self._folder / "status").read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return {}
        found = {}
        for line in lines:
            name, _, value = line.partition(":")
            if name in ("Threads", *SIZES):
                number, _, unit = value.strip().partition(" ")
                found[name] = int(number) * (1024 if unit == "kB" else 1)
        return found

    def _files(self) -> Iterator[int | None]:
        """Yield the disk blocks of every file in the scratch folder, and of those deleted there but still open.

        None stands for a folder that cannot be listed: too deep, or closed to the grader. The worker may put a link in
        a folder's place at any moment: folders are opened one in the other, and never through a link.
        """
        try:
            yield from _blocks_below(os.open(self._scratch, FOLDER))
        except OSError:
            return
        yield from self._deleted_files()

    def _deleted_files(self) -> Iterator[int]:
        try:
            for descriptor in (self._folder / "fd").iterdir():
                status = descriptor.stat()
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    yield status.st_blocks
        except OSError:
            return


def _pages(status: dict[str, int]) -> int:
    """Return the bytes of private pages that lie in memory or were swapped out."""
    return status.get("RssAnon", 0) + status.get("VmSwap", 0)


def _blocks_below(folder: int, depth: int = 0) -> Iterator[int | None]:
    """Yield the disk blocks of everything in an open folder, which is closed then; None for what cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                    yield status.st_blocks
                    if not stat.S_ISDIR(status.st_mode):
                        continue
                    if depth == MAX_DEPTH:
                        yield None
                        continue
                    inner = os.open(entry.name, FOLDER, dir_fd=folder)
                except OSError as error:  # gone, a link by now, or closed
                    if error.errno == errno.EACCES:
                        yield None
                    continue
                yield from _blocks_below(inner, depth + 1)
    finally:
        os.close(folder)


class Watch:
    """The thread that looks. It starts with the first worker, so that nothing is forked while it runs."""

    def __init__(self) -> None:
        self._workers: dict[Watched, None] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, worker: Watched) -> None:
        """Look at a worker from now on."""
        self._workers[worker] = None
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()

    def remove(self, worker: Watched) -> None:
        """Look at it no longer."""
        self._workers.pop(worker, None)

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            for worker in list(self._workers):
                if reason := worker.excess():
                    worker.stop(reason)
