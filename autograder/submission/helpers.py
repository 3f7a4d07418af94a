"""Modules handed in beside the expected files, which those may import; none may shadow what everybody else imports."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import PurePosixPath

from autograder.submission.commands import without_commands
from autograder.submission.decoding import decode
from autograder.submission.entries import Entry
from autograder.submission.notices import Notices, Topic, printable
from autograder.submission.parsing import MAX_SOURCE

MAX_HELPERS = 200
MAX_HELPER_BYTES = MAX_SOURCE
_OURS = {"autograder", "probes", "sitecustomize", "usercustomize", "conftest", "__main__", "__init__", "torch"}
_HANDED_OUT = {"checks"}
"""Folders of the student template that come back with it: not worth a notice."""


@dataclass(frozen=True)
class Taken:
    """What is spoken for."""

    paths: frozenset[str]
    """Of the files used as expected ones, as found."""
    modules: frozenset[str]
    """Case-folded names of the expected and the provided modules."""
    files: frozenset[str]
    """Paths of provided files, ours and as found."""


def read_helpers(entries: Sequence[Entry], taken: Taken, notices: Notices) -> dict[str, str | bytes]:
    """Return the other modules by path relative to the folder of the expected files, as mended source."""
    roots = sorted({str(PurePosixPath(path).parent) for path in taken.paths}, key=lambda root: (-len(root), root))
    helpers: dict[str, str | bytes] = {}
    folded: set[str] = set()
    size = 0
    for entry in sorted(entries, key=lambda entry: entry.path):
        path = _relative(entry.path, roots)
        if entry.path in taken.paths or not _is_wanted(path, taken, notices):
            continue
        size += entry.size
        if entry.data is None or entry.size > MAX_SOURCE or size > MAX_HELPER_BYTES or len(helpers) >= MAX_HELPERS:
            notices.add(Topic.REFUSED, f"{entry.path}: too large, or too many modules: not used")
        elif path.casefold() in folded:
            notices.add(Topic.REFUSED, f"{entry.path}: another file stands for {printable(path)}: not used")
        else:
            folded.add(path.casefold())
            helpers[path] = without_commands(decode(entry.data)[0])[0]
    return helpers


def _relative(path: str, roots: list[str]) -> str:
    for root in roots:
        if PurePosixPath(path).is_relative_to(root):
            return str(PurePosixPath(path).relative_to(root))
    return path


def _is_wanted(path: str, taken: Taken, notices: Notices) -> bool:
    parts = PurePosixPath(path.removesuffix(".py")).parts
    if not path.endswith(".py") or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        return False  # cannot be imported
    if path in taken.files or parts[0].casefold() in taken.modules | _HANDED_OUT or parts == ("__init__",):
        return False
    if parts[0] in _OURS or parts[0] in sys.stdlib_module_names or _is_installed(parts[0]):
        notices.add(Topic.FILES, f"{path}: a module {parts[0]!r} is there already: yours is not used; rename it")
        return False
    return True


def _is_installed(module: str) -> bool:
    folders = [folder for folder in sys.path if PurePosixPath(folder).name in ("site-packages", "dist-packages")]
    return PathFinder.find_spec(module, folders) is not None
