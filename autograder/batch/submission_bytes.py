"""The digest of a submission's bytes as they were handed in: where it is the same, nothing is graded again."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from autograder.submission.entries import MAX_ARCHIVE
from autograder.submission.folders import opened_regular

BLOCK = 2**20


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's names and what they hold; no link is followed.

    Files that are too large to be read as a submission count by their size.
    """
    digest = hashlib.sha256()
    places = [("", path)] if not path.is_dir() else sorted(_below(path))
    for name, place in places:
        digest.update(os.fsencode(name or path.name) + b"\0")
        digest.update(_content(place))
    return digest.hexdigest()


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for above, folders, files in os.walk(folder):
        for name in (*files, *(name for name in folders if Path(above, name).is_symlink())):
            place = Path(above, name)
            yield str(place.relative_to(folder)), place


def _content(place: Path) -> bytes:
    """Return a digest of what one entry of a folder is."""
    try:
        status = place.lstat()
        if stat.S_ISLNK(status.st_mode):
            return hashlib.sha256(b"link " + os.fsencode(place.readlink())).digest()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_ARCHIVE:
            return hashlib.sha256(f"{stat.S_IFMT(status.st_mode)} {status.st_size}".encode()).digest()
        with opened_regular(place) as (stream, _):
            digest = hashlib.sha256(b"file ")
            while block := stream.read(BLOCK):
                digest.update(block)
            return digest.digest()
    except (OSError, ValueError) as error:
        return hashlib.sha256(f"unreadable {getattr(error, 'errno', None)}".encode()).digest()
