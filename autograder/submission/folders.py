"""Reading a folder that somebody else filled: no link is followed, nothing blocks, everything is bounded."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO

from autograder.submission.entries import (
    MAX_DEPTH,
    MAX_FILE,
    Budget,
    Entry,
    is_code_name,
    is_used,
    read_entry,
    readable_path,
)
from autograder.submission.notices import Notices, Topic

MAX_LISTED = 100_000
"""Names of one folder that are sorted before the budget applies, so that code among data files is found."""


def read_folder(root: Path, budget: Budget, notices: Notices) -> list[Entry]:
    """Return the regular files below ``root``, nearest first; each thing that was refused gives a notice."""
    entries: list[Entry] = []
    waiting = deque([(root, "")])
    while waiting:
        folder, prefix = waiting.popleft()
        for item in _listing(folder, prefix, notices):
            path = readable_path(prefix + item.name)
            is_folder = item.is_dir(follow_symlinks=False)
            if not is_used(item.name, folder=is_folder, notices=notices, path=path):
                continue
            if not budget.take_entry():
                return entries
            if is_folder:
                if _is_worth_entering(Path(item.path), path, notices):
                    waiting.append((Path(item.path), prefix + item.name + "/"))
            elif item.is_symlink():
                notices.add(Topic.REFUSED, f"{path}: is a link: not followed")
            elif entry := _read_entry(Path(item.path), path, budget, notices):
                entries.append(entry)
    return entries


def _listing(folder: Path, prefix: str, notices: Notices) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted(islice(items, MAX_LISTED), key=lambda item: (not is_code_name(item.name), item.name))
    except OSError as error:
        notices.add(Topic.REFUSED, f"{prefix or 'the submission'}: cannot be listed ({error.strerror})")
        return []


def _is_worth_entering(folder: Path, path: str, notices: Notices) -> bool:
    if path.count("/") >= MAX_DEPTH - 1:
        notices.add(Topic.REFUSED, f"{path}: more than {MAX_DEPTH} folders deep: not looked at")
        return False
    return not os.path.lexists(folder / "pyvenv.cfg")  # a virtual environment holds nobody's own work


def _read_entry(file: Path, path: str, budget: Budget, notices: Notices) -> Entry | None:
    try:
        return read_regular_file(file, path, budget)
    except ValueError as error:
        notices.add(Topic.REFUSED, f"{path}: {error}")
    except OSError as error:
        notices.add(Topic.REFUSED, f"{path}: cannot be read ({error.strerror})")
    return None


def read_regular_file(file: Path, path: str, budget: Budget, limit: int = MAX_FILE) -> Entry:
    """Read a file without following a link or waiting on a FIFO; raise ValueError for anything but a regular file."""
    with opened_regular(file) as (stream, size):
        return read_entry(lambda: nullcontext(stream), path, size, budget, limit)


@contextmanager
def opened_regular(file: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file, with its size, as `read_regular_file` does."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise ValueError("is not a regular file: not used")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file, flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is not a regular file: not used")
        yield stream, status.st_size
