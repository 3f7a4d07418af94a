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

IMPORTS = re.compile(r"^[ \t]*+(?:import|from)\b.*", re.MULTILINE)
WORD = re.compile(r"\w+")
COMPILER = "torch._dynamo"
"""What the first step of any optimiser imports, some two seconds: before the fork where workers will train."""


def named_modules(assignment: Assignment, submission: Submission) -> list[str]:
    """Return those modules that the manifest preloads whose packages are named anywhere in what workers may run.

    That is the submission, the probes, and what provided files that these import do import themselves at their top. A
    package may be named in any way; a worker that imports one in no way that is seen here is only slower.
    """
    texts = [*submission.helpers.values(), *(file.source for file in submission.files.values())]
    texts += [_read(path) for path in assignment.probes]
    names = {word for text in texts for word in WORD.findall(text)}
    imported = {word for text in texts for line in IMPORTS.findall(text) for word in WORD.findall(line)}
    provided = [path for path in provided_files(assignment).values() if path.suffix == ".py"]
    while reached := [path for path in provided if path.stem in imported]:
        provided = [path for path in provided if path not in reached]
        at_top = [line for path in reached for line in IMPORTS.findall(_read(path)) if not line[0].isspace()]
        imported |= {word for line in at_top for word in WORD.findall(line)}
    return [module for module in assignment.manifest.files.preload if module.partition(".")[0] in names | imported]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@contextmanager
def uncollected() -> Iterator[None]:
    """Let nothing be collected in the block, for imports: nearly all that they make stays, and is looked at in vain.

    What there is at its end is not looked at later either, until the factory of workers is closed.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
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
