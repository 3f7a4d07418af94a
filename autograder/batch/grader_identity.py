"""What grades, as one digest: where it is the same, a grading of the same bytes need not be done again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import autograder
from autograder.assignment import Assignment
from autograder.proofs import PROOFS_PACKAGE
from autograder.release.digests import digest_of_values, digests_by_name, versions


def grader_digest(assignment: Assignment, options: Mapping[str, object]) -> str:
    """Return the SHA-256 of everything that has a say in a grading, the submission and the machine apart.

    That is the engine, the assignment's folder with its hidden checks and those that assignments share, the reference
    with ``grading.toml``, the hidden halves of the concepts, the versions of Python and of the libraries, and the
    options: numbers, strings, enums, paths, and sets or sequences of them; of a grading seed that is given in place of
    the one in ``grading.toml``, the seed. For the trusted process alone, which must not read it before workers can be
    forked. The digest does not tell the seed: much else goes into the same SHA-256 that nobody outside has.
    """
    folders = {"engine": Path(autograder.__path__[0]), "assignment": assignment.folder}
    folders |= {f"shared/{path.name}": path for path in sorted(assignment.folder.parent.glob("_*")) if path.is_dir()}
    if assignment.reference is not None:
        folders["reference"] = assignment.reference
    if assignment.proofs is not None:
        folders["proofs"] = assignment.proofs / PROOFS_PACKAGE
    plain = {name: _plain(value) for name, value in options.items()}
    return digest_of_values(versions(), digests_by_name(folders), plain)


def _plain(value: object) -> Any:
    """Return a value as JSON has it; what has no order is sorted."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
