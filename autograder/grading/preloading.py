"""The heavy imports of a grading, once and before the fork, so that every worker has them.

What no file of a submission, no provided file and no probe names is not imported: a worker that comes to need it after
all imports it itself.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable

from autograder.assignment import Assignment
from autograder.errors import what_went_wrong
from autograder.grading.grader_error import GraderError
from autograder.submission import Submission
from autograder.submission.provided import provided_files


def named_modules(assignment: Assignment, submission: Submission) -> list[str]:
    """Return those modules that the manifest preloads whose packages are named anywhere in what workers may run."""
    own = [path for path in (*provided_files(assignment).values(), *assignment.probes) if path.suffix == ".py"]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in own]
    texts += [*submission.helpers.values(), *(file.source for file in submission.files.values())]

    def is_named(module: str) -> bool:
        word = re.compile(rf"\b{re.escape(module.partition('.')[0])}\b")
        return any(word.search(text) for text in texts)

    return [module for module in assignment.manifest.files.preload if is_named(module)]


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
