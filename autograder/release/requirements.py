"""The requirements of a student zip: the engine's wheel, and the distributions that the student's files import."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.assignment import NOTEBOOK, Assignment
from autograder.distributions import Need, distributions_needed, imported
from autograder.release.files import Tree
from autograder.release.template import syntax_trees

STUDENT, NOTEBOOKS = "student", "notebook"
"""Extras of the engine that a student zip asks for; the second where there is a notebook in it."""


def requirements(assignment: Assignment, template: Tree, wheel: tuple[str, bytes]) -> list[str]:
    """Return the lines of a student zip's ``requirements.txt``.

    First the wheel, with its extras, then what the template's files import and the manifest preloads, in the range
    that the wheel itself asks for, else from the version that is installed here. Raises `UserError` for a module that
    belongs to no installed distribution, naming the file.
    """
    name, data = wheel
    extras = (STUDENT, NOTEBOOKS) if any(map(_is_notebook, template)) else (STUDENT,)
    ranges = _ranges(data, extras)
    local = {PurePosixPath(part).stem for name in template for part in PurePosixPath(name).parts}
    needed = distributions_needed(assignment.slug, _needs(assignment, template), local)
    return [f"./{name}[{','.join(extras)}]", *(ranges.get(one) or f"{one}>={_installed(one)}" for one in needed)]


def _is_notebook(name: str) -> bool:
    return name.endswith(NOTEBOOK)


def _ranges(wheel: bytes, extras: Collection[str]) -> dict[str, str]:
    """Return what the wheel requires with some extras: name and range of each distribution, by canonical name."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        folder = next(name.partition("/")[0] for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = metadata.PathDistribution(zipfile.Path(archive, f"{folder}/")).requires or []
    asked = [
        one
        for one in map(Requirement, lines)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    ]
    return {str(canonicalize_name(one.name)): f"{one.name}{one.specifier}" for one in asked}


def _installed(distribution: str) -> str:
    """Return the version that the release is built with, without a local label, which no index knows."""
    return metadata.version(distribution).partition("+")[0]


def _needs(assignment: Assignment, template: Tree) -> Iterator[Need]:
    yield from (("preload in assignment.toml", module) for module in assignment.manifest.files.preload)
    for name, data in template.items():
        for tree in syntax_trees(name, data):
            yield from ((name, module) for module in imported(tree.body))
