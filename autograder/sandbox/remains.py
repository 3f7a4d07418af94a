"""Removing what a worker leaves behind, however it was made."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
"""Where anybody may make files."""


def remove_tree(top: Path) -> None:
    """Remove a folder with all that is in it; never raises, and no depth of folders is too much.

    Folders inside of others are moved to the top before they are emptied: `shutil.rmtree` recurses, and a path of a
    folder that is deep enough is too long for the kernel.
    """
    prefix, numbers = secrets.token_hex(8), itertools.count()
    with contextlib.suppress(OSError):
        top.chmod(0o700)
        while entries := list(top.iterdir()):
            removed = [_remove(entry, top, prefix, numbers) for entry in entries]
            if not any(removed):
                return
        top.rmdir()


def _remove(entry: Path, top: Path, prefix: str, numbers: Iterator[int]) -> bool:
    """Remove an entry of the top folder, whose folders come to lie beside it; return whether that worked."""
    try:
        if not _is_folder(entry):
            entry.unlink()
            return True
        entry.chmod(0o700)
        for inner in list(entry.iterdir()):
            if _is_folder(inner):
                inner.chmod(0o700)  # the system refuses to move a folder that may not be written
                inner.rename(top / f"{prefix}-{next(numbers)}")
            else:
                inner.unlink()
        entry.rmdir()
        return True
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def remove_files_of(uid: int) -> None:
    """Remove what a user owns in the folders that everybody may write to."""
    for folder in map(Path, SHARED_FOLDERS):
        with contextlib.suppress(OSError):
            for entry in [entry for entry in folder.iterdir() if entry.lstat().st_uid == uid]:
                if _is_folder(entry):
                    remove_tree(entry)
                else:
                    entry.unlink()
