"""Folders as values: names and bytes, without what editors, systems and Python leave behind."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.errors import UserError
from autograder.source.junk import is_junk

Tree = dict[str, bytes]


def read_tree(folder: Path, *, prefix: str = "") -> Tree:
    """Return the files below a folder by their relative names with ``/``, sorted; a missing folder is empty.

    Junk is left out. A symbolic link raises `UserError`: what it points to may not be meant for others.
    """
    tree: Tree = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_junk(name))
        for name in sorted((*folders, *names)):
            path = Path(parent, name)
            if is_junk(name):
                continue
            if path.is_symlink():
                raise UserError(f"{path}: a symbolic link cannot be released; put the file itself there")
            if path.is_file():
                tree[prefix + path.relative_to(folder).as_posix()] = path.read_bytes()
    return dict(sorted(tree.items()))
