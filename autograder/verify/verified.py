"""What was verified last, committed with a course: a digest of every assignment and concept whose verification passed.

A digest is made of the assignment, its reference and the concepts that it applies. The engine is not in it: a change of
the engine is answered for by its tests and by a verification of everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autograder.assignment import Assignment, concepts, slugs
from autograder.errors import UserError
from autograder.release.digests import digest_of_values
from autograder.release.files import read_tree
from autograder.verify.concept_files import concepts_in, files_of, with_imported

VERIFIED = "verified.json"
"""The file beside ``assignments/``."""


class Verified(BaseModel):
    """The digests of what passed, by slug and by concept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    assignments: dict[str, str] = Field(default_factory=dict)
    concepts: dict[str, str] = Field(default_factory=dict)

    def differing(self, assignments: Iterable[Assignment]) -> list[Assignment]:
        """Return those that passed as something else than they are now."""
        return [one for one in assignments if self._digest(one) not in ("", digest_of(one))]

    def missing(self, assignments: Iterable[Assignment]) -> list[Assignment]:
        """Return those that are not on record at all."""
        return [one for one in assignments if not self._digest(one)]

    def _digest(self, assignment: Assignment) -> str:
        return (self.concepts if assignment.is_concept else self.assignments).get(assignment.slug, "")


def digest_of(assignment: Assignment) -> str:
    """Return the SHA-256 of all that an assignment's verification depends on, the engine and libraries apart."""
    folders = (assignment.folder, assignment.reference)
    trees = [read_tree(folder) if folder is not None else {} for folder in folders]
    texts = (data.decode("utf-8", "replace") for tree in trees for name, data in tree.items() if name.endswith(".py"))
    digest = hashlib.sha256()
    for tree in trees:
        for name, data in tree.items():
            digest.update(f"{name} {digest_of_values(data)}\n".encode())
    for concept in sorted(with_imported(concepts_in(texts), assignment.proofs)):
        for data in files_of(concept, assignment.proofs):
            digest.update(f"{concept} {digest_of_values(data)}\n".encode())
    return digest.hexdigest()


def read_verified(root: Path) -> Verified:
    """Return what is on record, nothing without a file; raise `UserError` for one that cannot be read."""
    path = root / VERIFIED
    try:
        return Verified.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Verified()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError:
        raise UserError(f"{path}: this is no record of verifications; remove it, verify again, and commit it") from None


def record_verified(root: Path, assignment: Assignment) -> None:
    """Put on record that exactly this passed, and forget what is there no more.

    Raises `UserError` where the record cannot be read or written.
    """
    before = read_verified(root)
    known = before.concepts if assignment.is_concept else before.assignments
    known = {**known, assignment.slug: digest_of(assignment)}
    update = {"concepts" if assignment.is_concept else "assignments": known}
    now = {**before.model_dump(), **update}
    for kind, there in (("assignments", slugs(root)), ("concepts", concepts(root))):
        now[kind] = {name: digest for name, digest in sorted(now[kind].items()) if name in there}
    text = Verified.model_validate(now).model_dump_json(indent=1) + "\n"
    path = root / VERIFIED
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); what passed is not on record") from None
