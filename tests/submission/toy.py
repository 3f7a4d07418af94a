"""Small assignments and hand-ins in folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from autograder.assignment import Assignment, read_manifest
from autograder.submission import Submission, read_submission

CODE = "def kl(mean, logvar):\n    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)\n"


def make_assignment(
    tmp_path: Path,
    *,
    required: Sequence[str] = ("vae_solution.py",),
    provided: Mapping[str, str] | None = None,
    blanks: Mapping[str, Sequence[str]] | None = None,
    banned: Sequence[str] = ("torch.distributions",),
) -> Assignment:
    """Return an assignment on disk; ``blanks``: item id -> qualified names in the first required file."""
    folder = tmp_path / "assignment"
    (folder / "provided").mkdir(parents=True, exist_ok=True)
    for name, text in (provided or {}).items():
        (folder / "provided" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "provided" / name).write_text(text)
    items = "".join(
        f'[[items]]\nid = "{item}"\ntitle = "{item}"\npoints = 1\nkind = "auto"\n'
        f'file = "{required[0]}"\nblanks = {json.dumps(list(names))}\n'
        for item, names in (blanks or {"vae.kl": ["kl"]}).items()
    )
    (folder / "assignment.toml").write_text(
        f'title = "Toy"\nversion = "1"\nsource = "none"\n[files]\nrequired = {json.dumps(list(required))}\n'
        f"provided = {json.dumps(list(provided or {}))}\n[rules]\nbanned_imports = {json.dumps(list(banned))}\n{items}"
    )
    return Assignment("toy", folder, read_manifest(folder / "assignment.toml"))


def fill(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder and return it."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def hand_in(tmp_path: Path, files: Mapping[str, str | bytes], assignment: Assignment | None = None) -> Submission:
    """Read a hand-in of these files; without an assignment it is one that wants ``vae_solution.py``."""
    folder = fill(tmp_path / "hand_in", files)
    return read_submission(folder, assignment or make_assignment(tmp_path))


def notebook(*cells: str) -> str:
    """Return a notebook with these code cells, each after a Markdown cell."""
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells]
    return json.dumps(
        {"nbformat": 4, "cells": [c for cell in code for c in ({"cell_type": "markdown", "source": "# x = 1"}, cell)]}
    )


def said(submission: Submission) -> str:
    """Return all notices as lines."""
    return "\n".join(map(str, submission.notices))


def lines_run(work: Callable[[], object]) -> int:
    """Return how many lines of Python a call runs: a measure of its time that is the same on every machine."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
