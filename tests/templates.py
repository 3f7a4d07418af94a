"""Templates as students get them, made anew: a checkout holds only the part that is no copy."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from autograder.assignment import load_assignment
from autograder.release.files import Tree
from autograder.release.template import make_template

ROOT = Path(__file__).resolve().parents[1]


@cache
def template_of(slug: str) -> Tree:
    """Return the files of a template by their names."""
    return make_template(load_assignment(ROOT, slug)).files


def write_template(slug: str, folder: Path) -> Path:
    """Write the whole template of an assignment into a folder, and return it."""
    for name, data in template_of(slug).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
