"""Modules handed in next to the expected files, which those may import; none may shadow what everybody else imports."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import PurePosixPath

from autograder.source.decoding import decode
from autograder.source.lines import printable
from autograder.source.magics import read_python
from autograder.source.parsing import MAX_SOURCE
from autograder.submission.banned import report_in_helper
from autograder.submission.entries import Entry
from autograder.submission.model import SubmittedFile
from autograder.submission.notices import Notices, Topic

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


def read_helpers(entries: Sequence[Entry], taken: Taken, banned: Sequence[str], notices: Notices) -> dict[str, str]:
    """Return the other modules by path relative to the folder of the expected files, as fixed source.

    Which of them use a banned module is said, and costs nothing.
    """
    roots = sorted({str(PurePosixPath(path).parent) for path in taken.paths}, key=lambda root: (-len(root), root))
    helpers: dict[str, str] = {}
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
            parsed = read_python(decode(entry.data)[0])
            helpers[path] = parsed.text
            report_in_helper(path, parsed, banned, notices)
    return {**_packages(helpers), **helpers}


def written_modules(files: Iterable[SubmittedFile]) -> dict[str, str]:
    """Return the modules that notebooks write with ``%%writefile name.py``, by path."""
    return {name: text for file in files for name, text in file.written.items()}


def is_free(path: str, taken: Taken, helpers: Mapping[str, str]) -> bool:
    """Say whether a module may be put there: it takes the place of nothing."""
    return path not in helpers and _is_wanted(path, taken, Notices())


def packages_of_roots(taken: Taken, sources: Mapping[str, str]) -> dict[str, str]:
    """Return modules that make ``src.helpers`` mean ``helpers`` where the expected files were handed in in ``src``.

    Only for a folder that one of the sources imports from; each module is the same object under both names.
    """
    names = {PurePosixPath(path).parent.name for path in taken.paths} - {""}
    roots = {name for name in names if any(_imports_from(name, text) for text in sources.values())}
    found: dict[str, str] = {}
    for root in sorted(roots):
        if not root.isidentifier() or root in sys.stdlib_module_names or root in _OURS or _is_installed(root):
            continue
        inner = {path for path in sources if path.endswith(".py") and not path.startswith(f"{root}/")}
        for path in inner - {"__init__.py"}:
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            target = f"sys.modules[{module!r}]"
            found[f"{root}/{path}"] = f"import sys\nimport {module}\nsys.modules[__name__] = {target}\n"
        found[f"{root}/__init__.py"] = ""
    return {path: text for path, text in found.items() if path not in sources}


def _imports_from(folder: str, text: str) -> bool:
    pattern = rf"^\s*(?:from|import)\s+{re.escape(folder)}\b"
    return re.search(pattern, text, re.MULTILINE) is not None


def _packages(paths: Iterable[str]) -> dict[str, str]:
    """Return an empty ``__init__.py`` for each folder of modules: Python needs none of them, the loader does."""
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents if str(folder) != "."}
    return {f"{folder}/__init__.py": "" for folder in sorted(folders)}


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
