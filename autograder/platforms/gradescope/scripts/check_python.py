"""Says in one line why this interpreter cannot run the grader, and ends with 1; or says nothing and ends with 0.

``check_python.py REQUIREMENTS required|optional``: the first line of the requirements names what they were resolved
for; the second word, whether the worker's private user must be able to read this installation. It runs on any Python
that an image may have, with the standard library alone.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("bz2", "ctypes", "ensurepip", "hashlib", "lzma", "multiprocessing", "sqlite3", "ssl", "venv", "zlib")
"""Modules that installations often lack and that pip, torch or torchvision import."""
HERE = {
    "python_version": f"{sys.version_info[0]}.{sys.version_info[1]}",
    "implementation_name": sys.implementation.name,
    "sys_platform": sys.platform,
    "platform_machine": platform.machine(),
}


def objections(requirements: Path, private_user: str) -> Iterator[str]:
    """Yield what speaks against this interpreter, the most telling first."""
    for marker in requirements.read_text(encoding="utf-8").splitlines()[0].lstrip("# ").split():
        name, _, wanted = marker.partition("=")
        if HERE.get(name) != wanted:
            yield f"{name} is {HERE.get(name)}, the requirements are for {wanted}"
    # torchvision asks for this function, which the candidates of 3.11 lack.
    if sys.version_info.releaselevel != "final" or not hasattr(sys, "get_int_max_str_digits"):
        yield f"{sys.version.split()[0]} is not a final release"
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            yield f"{name} cannot be imported ({error})"
    if private_user != "optional":
        for place in (Path(sys.executable).resolve(), Path(os.__file__).resolve()):
            if closed := first_closed(place):
                yield f"workers' private users cannot read it: {closed} is closed to them"


def first_closed(place: Path) -> Path | None:
    """Return the first of a file and the folders above it that other users cannot use; None where they can."""
    if not place.stat().st_mode & 0o004:
        return place
    return next((folder for folder in place.parents if not folder.stat().st_mode & 0o001), None)


if __name__ == "__main__":
    for objection in objections(Path(sys.argv[1]), sys.argv[2]):
        sys.exit(f"{sys.executable}: {objection}")
