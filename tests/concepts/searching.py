"""A submission that looks for the hidden halves of the concepts, and tells what it found."""

from __future__ import annotations

from collections.abc import Iterable

FIRST_LINE = "# a submission"
NOTHING = f"TOLD ['{FIRST_LINE}']"
"""What it tells where nothing but itself can be read."""
_CODE = """
import importlib, os, sys

def found():
    "What can be read: of all that is looked for, this file alone."
    told = []
    sys.path[:0] = {roots!r}
    for name in {modules!r}:
        try:
            told.append(importlib.import_module(name).__name__)
        except BaseException:
            pass
    for name in [__file__, *{files!r}]:
        try:
            told.append(open(name).readline().strip())
        except BaseException:
            pass
    return told

TOLD = found()
"""


def searching(roots: Iterable[str], modules: Iterable[str], files: Iterable[str]) -> str:
    """Return code that binds ``TOLD`` to the modules that it could import and the first lines that it could read."""
    return _CODE.format(roots=list(roots), modules=list(modules), files=list(files))


def modules_of(names: Iterable[str]) -> list[str]:
    """Return the modules that files of a package are, by their paths below the folder that holds it."""
    return sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names if name.endswith(".py")
    )
