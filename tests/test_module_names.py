"""Names of modules and packages: each is there once in the package, and none is a slip of another."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from autograder.release.words import distance

PACKAGE = Path(__file__).resolve().parents[1] / "autograder"
EVERYWHERE = frozenset({"__init__", "__main__"})


def names() -> dict[str, str]:
    """The last part of the name of each module and package, by its path in the package."""
    paths = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    modules = {path.with_suffix("") for path in paths if path.stem not in EVERYWHERE}
    packages = {path.parent for path in paths if path.stem == "__init__" and path.parent != Path()}
    return {path.as_posix(): path.name for path in modules | packages}


def test_no_two_modules_share_a_name_or_differ_by_a_letter():
    found = combinations(sorted(names().items()), 2)
    assert [(one, other) for (one, a), (other, b) in found if distance(a, b) <= 1] == []
