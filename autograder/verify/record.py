"""The record of a passing verification: which bytes it holds for. A release is made of exactly these, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from autograder.assignment import PROOFS, Assignment
from autograder.errors import UserError, first_few
from autograder.release.digests import digests_by_name

RECORD = "record.json"
SHOWN = 5
"""Differing files that are named, so that a message stays readable."""

Digests = dict[str, str]


class Passed(BaseModel):
    """A verification that passed: the assignment, and the SHA-256 of every file that had a say in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    slug: str
    digests: Digests


def digests_of(root: Path, assignment: Assignment) -> Digests:
    """Return the digest of every file that a verification depends on, by its name below the root of the project."""
    slug = assignment.slug
    folders = (f"assignments/{slug}", f"solutions/{slug}", PROOFS, "autograder")
    return digests_by_name({folder: root / folder for folder in folders})


def write_record(folder: Path, slug: str, digests: Digests) -> None:
    """Write that these bytes passed."""
    folder.mkdir(parents=True, exist_ok=True)
    text = Passed(slug=slug, digests=digests).model_dump_json(indent=1)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def remove_record(folder: Path) -> None:
    """Forget an earlier pass."""
    (folder / RECORD).unlink(missing_ok=True)


def objection(root: Path, assignment: Assignment, folder: Path) -> str:
    """Say why the assignment as it is now may not be released; "" where a passing verification of it is on record.

    Raises `UserError` for a record that cannot be read.
    """
    path = folder / RECORD
    try:
        record = Passed.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return f"{assignment.slug}: no passing verification is on record in {folder}"
    except ValidationError:
        raise UserError(f"{path}: this is no record of a verification; remove it and verify again") from None
    now = digests_of(root, assignment)
    differing = sorted(name for name in now.keys() | record.digests.keys() if now.get(name) != record.digests.get(name))
    if not differing:
        return ""
    named = first_few([f"{name} ({_how(name, now, record.digests)})" for name in differing], SHOWN)
    return f"{assignment.slug}: verified with other files than there are now: {named}"


def _how(name: str, now: Digests, then: Digests) -> str:
    return "new" if name not in then else "gone" if name not in now else "changed"
