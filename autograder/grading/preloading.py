"""The heavy imports of a grading, once and before the fork, so that every worker has them.

What is named by no file of a submission, no probe and no provided file that these name is not imported: a worker that
comes to need it after all imports it itself.
"""

from __future__ import annotations

import gc
import importlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.assignment import Assignment
from autograder.errors import what_went_wrong
from autograder.grading.grader_error import GraderError
from autograder.submission import Submission
from autograder.submission.provided import provided_files

AT_TOP = re.compile(r"^(?:import|from)\b.*", re.MULTILINE)


def named_modules(assignment: Assignment, submission: Submission) -> list[str]:
    """Return those modules that the manifest preloads whose packages are named anywhere in what workers may run.

    That is the submission, the probes, and what provided files that these import do import themselves at their top. A
    package may be named in any way; a worker that imports one in no way that is seen here is only slower.
    """
    texts = [*submission.helpers.values(), *(file.source for file in submission.files.values())]
    texts += [_read(path) for path in assignment.probes]
    provided = [path for path in provided_files(assignment).values() if path.suffix == ".py"]
    while reached := [path for path in provided if _imports(texts, path.stem)]:
        provided = [path for path in provided if path not in reached]
        texts += ["\n".join(AT_TOP.findall(_read(path))) for path in reached]
    return [module for module in assignment.manifest.files.preload if _names(texts, module.partition(".")[0])]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _imports(texts: Iterable[str], module: str) -> bool:
    pattern = re.compile(rf"^\s*(from\s+\.*{module}\b|(from\s+\.+\s+)?import\s+(.*,\s*)?{module}\b)", re.MULTILINE)
    return any(pattern.search(text) for text in texts)


def _names(texts: Iterable[str], word: str) -> bool:
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    return any(pattern.search(text) for text in texts)


@contextmanager
def uncollected() -> Iterator[None]:
    """Let nothing be collected in the block, for imports: nearly all that they make stays, and is looked at in vain."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def import_heavy(preload: Iterable[str]) -> None:
    """Import torch and what submissions import; a package that is missing is the loader's matter.

    Raises `GraderError` where one is there and broken: no submission could use it, whatever it does.
    """
    for name in ("torch", *preload):
        try:
            importlib.import_module(name)
        except Exception as error:
            missing = f"{error.name}." if isinstance(error, ModuleNotFoundError) else ""
            if name != "torch" and missing and f"{name}.".startswith(missing):
                continue
            raise GraderError(
                f"{name} cannot be imported on this machine: {what_went_wrong(error)};"
                " `autograder doctor` says what else is broken"
            ) from None
