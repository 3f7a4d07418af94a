"""The two zips of a release: what students download and what the grading platform runs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from pathlib import Path

from autograder.assignment import Assignment
from autograder.documents.markdown import article
from autograder.documents.self_contained import page
from autograder.errors import UserError
from autograder.proofs import HIDDEN_HALVES
from autograder.release.files import Tree, read_tree
from autograder.release.packing import zip_bytes
from autograder.release.readme import PAGE, README, readme
from autograder.release.requirements import requirements
from autograder.release.template import HANDOUT
from autograder.texts import decode

PlatformFiles = Callable[[Assignment, str], dict[str, bytes]]

REQUIREMENTS = "requirements.txt"
SETTINGS = "grading.toml"
_PROGRAMS = ("run_autograder", "setup.sh")


def student_files(assignment: Assignment, template: Tree, wheel: tuple[str, bytes]) -> Tree:
    """Return what students unpack: with it, the steps of ``README.txt`` work. Raises `UserError`.

    A course's own ``README.txt`` stays, since it says more than ours; its ``requirements.txt`` gets our lines as well.
    """
    name, data = wheel
    if name in template:
        raise UserError(f"{assignment.slug}: a file of the template is called {name}; rename it")
    asked = requirements(assignment, template, wheel)
    ours = {name: data, README: readme(assignment, template).encode(), PAGE: _handout(assignment, template)}
    return {**ours, **template, REQUIREMENTS: _merged(template.get(REQUIREMENTS, b""), asked)}


def _handout(assignment: Assignment, template: Tree) -> bytes:
    text = decode(template[HANDOUT], HANDOUT)
    made = article(text, lambda path: template.get(posixpath.normpath(path)))
    return page(assignment.manifest.title, made.html).encode()


def student_zip(assignment: Assignment, files: Tree) -> bytes:
    """Return the zip of a student's files, in one folder named after the assignment."""
    return zip_bytes({f"{assignment.slug}/{name}": data for name, data in files.items()})


def gradescope_zip(root: Path, assignment: Assignment, wheel: tuple[str, bytes], platform: dict[str, bytes]) -> bytes:
    """Return the autograder zip: the platform's files at its root, the wheel, the assignment, proofs, reference."""
    folders = (f"assignments/{assignment.slug}", HIDDEN_HALVES, f"solutions/{assignment.slug}")
    tree: Tree = {f"wheels/{wheel[0]}": wheel[1]}
    for folder in folders:
        tree |= read_tree(root / folder, prefix=f"{folder}/")
    if (seed := f"solutions/{assignment.slug}/{SETTINGS}") not in tree:
        raise UserError(f'{seed}: missing; write one line: grading_seed = "<32 random characters>"')
    # A carriage return behind `#!/bin/bash` makes a script that cannot be run.
    tree |= {name: data.replace(b"\r\n", b"\n") for name, data in platform.items()}
    return zip_bytes(tree, executable=_PROGRAMS)


def _merged(own: bytes, ours: list[str]) -> bytes:
    lines = [*decode(own, REQUIREMENTS).split("\n"), *ours]
    return ("\n".join(dict.fromkeys(line.strip() for line in lines if line.strip())) + "\n").encode()
