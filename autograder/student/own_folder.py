"""The folder of a student: what was unpacked from the zip of an assignment."""

from __future__ import annotations

from pathlib import Path

from autograder.assignment import MANIFEST, Assignment, read_manifest
from autograder.errors import UserError


def unpacked(folder: Path) -> Assignment:
    """Return the assignment in the folder of a student; `UserError` where it is none, or not complete."""
    folder = folder.resolve()
    if not (folder / MANIFEST).is_file():
        near = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
        it = f"go to {near[0]}/" if len(near) == 1 else "go to the folder that you unpacked"
        raise UserError(f"{folder}: no {MANIFEST} here; {it}, or name it with --folder")
    assignment = Assignment(folder.name, folder, read_manifest(folder / MANIFEST))
    if not assignment.public_checks.is_dir():
        raise UserError(f"{assignment.public_checks}: the checks are gone; unpack the zip that you got once more")
    return assignment
