"""The heavy imports of a grading, once and before the fork, so that every worker has them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from autograder.errors import what_went_wrong
from autograder.grading.grader_error import GraderError


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
