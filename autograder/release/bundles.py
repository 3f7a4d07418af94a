"""The two zips of a release: what students download and what the grading platform runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.release.archives import zip_bytes
from autograder.release.files import Tree, read_tree
from autograder.texts import decode

PlatformFiles = Callable[[Assignment, str], dict[str, bytes]]

REQUIREMENTS, README = "requirements.txt", "README.txt"
SETTINGS = "grading.toml"
_PROGRAMS = ("run_autograder", "setup.sh")
# Modules whose distribution has another name.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}

_README = """{title}

1. Install what is needed, best in a virtual environment of its own:
       pip install -r requirements.txt
2. Read handout.md and fill in the blanks in {files}.
3. See how far you are, as often as you like:
       autograder check
4. Hand in {files}, as the handout says.
"""


def student_zip(assignment: Assignment, template: Tree, wheel: tuple[str, bytes]) -> bytes:
    """Return the zip in which ``pip install -r requirements.txt`` and then ``autograder check`` work."""
    name, data = wheel
    manifest = assignment.manifest
    required = ", ".join(manifest.files.required)
    extra = {
        name: data,
        REQUIREMENTS: "\n".join((f"./{name}", *_distributions(assignment, template), "")).encode(),
        README: _README.format(title=manifest.title, files=required).encode(),
    }
    # A course's own requirements.txt or README.txt would be a file of the template, and says more than ours.
    return zip_bytes({**extra, **template, REQUIREMENTS: _merged(template.get(REQUIREMENTS, b""), extra[REQUIREMENTS])})


def gradescope_zip(root: Path, assignment: Assignment, wheel: tuple[str, bytes], platform: dict[str, bytes]) -> bytes:
    """Return the autograder zip: the platform's files at its root, the wheel, the assignment, oracles, reference."""
    folders = (f"assignments/{assignment.slug}", "assignments/_oracles", f"solutions/{assignment.slug}")
    tree: Tree = {f"wheels/{wheel[0]}": wheel[1]}
    for folder in folders:
        tree |= read_tree(root / folder, prefix=f"{folder}/")
    if (seed := f"solutions/{assignment.slug}/{SETTINGS}") not in tree:
        raise UserError(f'{seed}: missing; write one line: grading_seed = "<32 random characters>"')
    # A carriage return behind `#!/bin/bash` makes a script that cannot be run.
    tree |= {name: data.replace(b"\r\n", b"\n") for name, data in platform.items()}
    return zip_bytes(tree, executable=_PROGRAMS)


def _merged(own: bytes, ours: bytes) -> bytes:
    lines = [*decode(own, REQUIREMENTS).split("\n"), *ours.decode().split("\n")]
    return ("\n".join(dict.fromkeys(line.strip() for line in lines if line.strip())) + "\n").encode()


def _distributions(assignment: Assignment, template: Tree) -> list[str]:
    """Return what hand-ins need: modules that the manifest preloads and that the template's files import."""
    local = {name.removesuffix(".py") for name in template if name.endswith(".py")}
    modules = {name.partition(".")[0] for name in assignment.manifest.files.preload}
    for name, data in template.items():
        if name.endswith(".py") and "/" not in name:
            modules |= set(_imported(ast.parse(data)))
    outside = modules - local - sys.stdlib_module_names - {"autograder", "__future__"}
    return sorted({_DISTRIBUTIONS.get(name, name) for name in outside})


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]
