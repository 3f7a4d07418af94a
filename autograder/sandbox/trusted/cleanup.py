"""Removing what a worker leaves behind, however it was made.

Everything here goes from one open folder to the next by descriptor and follows no link: whoever swaps a folder for a
link meanwhile, leads nowhere. A worker is dead and reaped before this begins (`zygote_main`);
this holds all the same.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
"""Where anybody may make files."""
CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | CLOSE_ON_EXEC
"""How a folder is opened that somebody else may have put there: a link in its place is an error."""
OWNER_ONLY = 0o700


def remove_tree(top: Path) -> None:
    """Remove a folder with all that is in it; never raises, and no depth of folders is too much."""
    if os.open not in os.supports_dir_fd:  # Windows: no other user has been at work there
        shutil.rmtree(top, ignore_errors=True)
        return
    with contextlib.suppress(OSError), _opened(os.open(top.parent, os.O_RDONLY | CLOSE_ON_EXEC)) as parent:
        remove_folder(top.name, parent)


def remove_folder(name: str, parent: int) -> None:
    """Remove a folder of an open folder with all that is in it; raise `OSError` where something stays.

    Folders inside of others are moved to the top before they are emptied: three descriptors are enough for any depth,
    and no way leads back up through a folder that somebody may have moved.
    """
    prefix, numbers = secrets.token_hex(8), itertools.count()
    with _opened(open_folder(name, parent)) as top:
        while entries := _names(top):
            removed = [_remove(entry, top, prefix, numbers) for entry in entries]
            if not any(removed):
                break
    os.rmdir(name, dir_fd=parent)


def _remove(entry: str, top: int, prefix: str, numbers: Iterator[int]) -> bool:
    """Remove an entry of the top folder, whose folders come to be next to it; return whether that worked."""
    try:
        if not _is_folder(entry, top):
            os.unlink(entry, dir_fd=top)
            return True
        with _opened(open_folder(entry, top)) as folder:
            for inner in _names(folder):
                if _is_folder(inner, folder):
                    os.close(open_folder(inner, folder))  # the system refuses to move one that may not be written
                    os.rename(inner, f"{prefix}-{next(numbers)}", src_dir_fd=folder, dst_dir_fd=top)
                else:
                    os.unlink(inner, dir_fd=folder)
        os.rmdir(entry, dir_fd=top)
        return True
    except OSError:
        return False


def open_folder(name: str, parent: int) -> int:
    """Open a folder of an open folder, which its owner may then read and change; raise `OSError` at a link."""
    if not hasattr(os, "O_PATH"):  # macOS has calls that change a mode and follow no link
        os.chmod(name, OWNER_ONLY, dir_fd=parent, follow_symlinks=False)
        return os.open(name, FOLDER, dir_fd=parent)
    with _opened(os.open(name, os.O_PATH | FOLDER, dir_fd=parent)) as handle:
        with contextlib.suppress(FileNotFoundError):  # without /proc: root needs no mode
            Path(f"/proc/self/fd/{handle}").chmod(OWNER_ONLY)  # what is open, whatever has its name by now
        return os.open(".", FOLDER, dir_fd=handle)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def remove_files_of(uid: int) -> None:
    """Remove what a user owns in the folders that everybody may write to."""
    for place in SHARED_FOLDERS:
        with contextlib.suppress(OSError), _opened(os.open(place, os.O_RDONLY | CLOSE_ON_EXEC)) as shared:
            for name in _names(shared):
                with contextlib.suppress(OSError):
                    if os.stat(name, dir_fd=shared, follow_symlinks=False).st_uid != uid:
                        continue
                    if _is_folder(name, shared):
                        remove_folder(name, shared)
                    else:
                        os.unlink(name, dir_fd=shared)
