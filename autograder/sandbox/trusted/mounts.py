"""A tree of files that has nothing in it but what a worker may see: a mount namespace of its own (Linux 5.12+).

Landlock keeps a worker from reading a file, not from asking whether there is one and how large it is. Here what is
hidden is not there at all, so that every name gets the same answer. The zygote puts the tree together once (`build`),
each worker moves into it with its own folder (`enter`). It needs root, or a system that lets a user have a namespace.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
MOUNT_SETATTR = 442  # the same number on every architecture
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
READ_ONLY = 1
PASS_THROUGH = 0o111
"""Mode of the folders on the way to what is there: nobody lists them."""
MAX_LINKS = 40
"""Links that the kernel follows in one path."""
OPTIONS = "mode=111,size=4m"


def build(tree: Path, visible: Iterable[Path]) -> None:
    """Move this process into a namespace of its own, and put ``visible`` together at ``tree``, at the same names.

    ``tree`` is an empty folder, and what comes to lie there cannot be written to. Paths that do not exist are passed
    over; links on the way are made anew. Raises `OSError` where that is not possible; then nothing lies there.
    """
    _unshare(own_user=os.getuid() != 0)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", str(tree), "tmpfs", 0, OPTIONS)
    shown: set[Path] = set()
    try:
        for path in sorted(visible, key=lambda path: len(path.parts)):
            _show(tree, path, shown)
        _set_read_only(tree, recursive=True)
    except OSError:
        remove(tree)
        raise


def enter(tree: Path, own: Path) -> None:
    """Move this process into a copy of a tree, with the folder ``own`` in it as the one place to write to.

    Everything else is gone, for good once the process has no capabilities. Raises `OSError` where that is not possible.
    """
    _unshare(own_user=False)
    with _writable(tree):
        place = _make_folders(tree, own)
    _mount(str(own), str(place), None, MS_BIND | MS_REC)
    os.chdir(tree)
    _call(PIVOT_ROOT[platform.machine()], b".", b".")  # the old root comes to lie over the new one
    _check(_libc().umount2(b".", MNT_DETACH))
    os.chdir(own)


def remove(tree: Path) -> None:
    """Take a tree apart if there is one: no file that shows in it is changed. Raises `OSError` where it stays."""
    while os.path.ismount(tree):
        _check(_libc().umount2(os.fsencode(tree), MNT_DETACH | UMOUNT_NOFOLLOW))


def _unshare(*, own_user: bool) -> None:
    """Get a mount namespace, for an ordinary user within a user namespace, in which the user stays who it is."""
    if not sys.platform.startswith("linux") or platform.machine() not in PIVOT_ROOT:
        raise OSError("only on Linux")
    user, group = os.getuid(), os.getgid()
    _check(_libc().unshare(CLONE_NEWNS | (CLONE_NEWUSER if own_user else 0)))
    if own_user:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _show(tree: Path, path: Path, shown: set[Path]) -> None:
    """Let a file or a folder appear in a tree, and note its place: what is in one that is ``shown`` is there."""
    path = _follow(tree, path)
    if shown & {path, *path.parents} or not os.access(path, os.F_OK):
        return
    twin = _within(tree, path)
    _make_folders(tree, path if path.is_dir() else path.parent)
    if not path.is_dir():
        twin.touch()
    _mount(str(path), str(twin), None, MS_BIND | MS_REC)
    shown.add(path)


def _follow(tree: Path, path: Path) -> Path:
    """Return where a path leads; every link on the way is made in the tree."""
    place, rest = Path("/"), [*reversed(path.parts[1:])]
    for _ in range(MAX_LINKS * len(path.parts)):
        if not rest:
            break
        place /= rest.pop()
        if place.is_symlink():
            _make_folders(tree, place.parent)
            if not (twin := _within(tree, place)).is_symlink():
                twin.symlink_to(place.readlink())
            target = Path(os.path.normpath(place.parent / place.readlink()))  # no link lies before this one
            place, rest = Path("/"), [*rest, *reversed(target.parts[1:])]
    return place


def _within(tree: Path, path: Path) -> Path:
    return tree / path.relative_to("/")


def _make_folders(tree: Path, path: Path) -> Path:
    """Make an empty folder in a tree, with all that it is in; return its place."""
    twin = tree
    for part in path.parts[1:]:
        twin /= part
        if not twin.exists():
            twin.mkdir()
            twin.chmod(PASS_THROUGH)
    return twin


@contextmanager
def _writable(tree: Path) -> Iterator[None]:
    """Let the tree itself be written to, not what appears in it."""
    _set_attributes(tree, 0, clear=READ_ONLY)
    try:
        yield
    finally:
        _set_read_only(tree, recursive=False)


def _set_read_only(tree: Path, *, recursive: bool) -> None:
    _set_attributes(tree, READ_ONLY, recursive=recursive)


def _set_attributes(tree: Path, on: int, *, clear: int = 0, recursive: bool = False) -> None:
    attributes = struct.pack("=QQQQ", on, clear, 0, 0)
    flags = AT_RECURSIVE if recursive else 0
    _call(MOUNT_SETATTR, AT_FDCWD, os.fsencode(tree), flags, attributes, len(attributes))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    names = [None if name is None else os.fsencode(name) for name in (source, target, kind)]
    _check(_libc().mount(*names, ctypes.c_ulong(flags), options.encode()))


def _call(number: int, *arguments: int | bytes) -> None:
    libc = _libc()
    _check(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
