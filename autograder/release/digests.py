"""Digests of files, folders and values: what a record, a kept answer or a grading holds for."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from autograder.release.files import Tree, read_tree

LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "hypothesis", "matplotlib", "pillow")
"""What the engine stands on: another version may find something else."""


def digest_of_values(*parts: Any) -> str:
    """Return the SHA-256 of the values as JSON, or of the bytes where one bytes object is all there is."""
    if len(parts) == 1 and isinstance(parts[0], bytes):
        return hashlib.sha256(parts[0]).hexdigest()
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def digest_of_tree(tree: Tree) -> str:
    """Return the SHA-256 of a folder: of the names in it and what they hold."""
    return digest_of_values([(name, digest_of_values(data)) for name, data in sorted(tree.items())])


def digests_by_name(folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of every file below the folders, each name behind that of its folder and a ``/``."""
    trees = [read_tree(folder, prefix=f"{name}/") for name, folder in folders.items()]
    return {name: digest_of_values(data) for tree in trees for name, data in tree.items()}


def versions() -> list[str]:
    """Return the versions of Python and of `LIBRARIES`, "" for one that is missing; imports none of them."""
    return [sys.version, *map(_version, LIBRARIES)]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
