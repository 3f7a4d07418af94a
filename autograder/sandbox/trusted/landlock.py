"""Landlock, the file wall that needs no privilege: a process gives up all paths but those it names (Linux 5.13+).

No kept package covers it; the kernel's interface is three calls (``include/uapi/linux/landlock.h``).
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
READ = READ_FILE | READ_DIR
RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many access rights each version of the interface knows; later ones know those of version 5."""
NETWORK_TCP = 0b11
SCOPED = 0b11  # abstract UNIX sockets and signals


def version() -> int:
    """Return the version of the kernel's Landlock; raise `OSError` where there is none."""
    return _call(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Give up every path outside of ``readable`` (read, list) and ``writable`` (everything but execute).

    Paths that do not exist are passed over. Network by TCP and signals to outside are given up too where the kernel
    can. Raises `OSError` where Landlock is missing; needs no_new_privs. Cannot be undone.
    """
    abi = version()
    handled = (1 << RIGHTS_BY_VERSION.get(abi, 16)) - 1
    attributes = struct.pack("=Q", handled)
    if abi >= 4:
        attributes += struct.pack("=Q", NETWORK_TCP)
    if abi >= 6:
        attributes += struct.pack("=Q", SCOPED)
    ruleset = _call(CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in readable:
            _allow(ruleset, path, READ & handled)
        for path in writable:
            _allow(ruleset, path, handled & ~EXECUTE)
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = access if stat.S_ISDIR(os.fstat(descriptor).st_mode) else access & ON_FILES
        _call(ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _call(number: int, *arguments: int | bytes | None) -> int:
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"):
        raise OSError("only on Linux")
    result = int(
        _libc().syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    )
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
