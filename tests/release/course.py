"""A tiny course in a folder: one assignment, its marked reference and an engine to pack, for tests of releases."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment, Manifest, load_assignment
from autograder.release.building import Release, build
from autograder.release.rubric import Rubric
from autograder.source.lines import Place

PROJECT = Path(__file__).resolve().parents[2]
SLUG = "tiny"
PLACE = Place("solutions/tiny/vae.py")

ITEMS: list[dict[str, Any]] = [
    {"id": "vae.kl", "title": "KL divergence", "points": 2, "kind": "auto", "file": "vae.py", "blanks": ["Normal.kl"]},
    {"id": "vae.draw", "title": "A sample", "points": 1, "kind": "auto", "file": "vae.py", "blanks": ["draw"]},
    {"id": "vae.betas", "title": "A schedule", "points": 0.5, "kind": "auto", "file": "vae.py", "blanks": ["betas"]},
    {"id": "vae.model", "title": "The model", "points": 3, "kind": "auto", "file": "vae.py", "blanks": ["Model"]},
    {"id": "vae.why", "title": "Why it works", "points": 4, "kind": "manual"},
    {"id": "vae.more", "title": "More", "points": 1, "kind": "manual", "extra_credit": True},
    {"id": "other.file", "title": "Elsewhere", "points": 1, "kind": "auto", "file": "other.py", "blanks": ["f"]},
]
MANIFEST = Manifest.model_validate(
    {"title": "t", "version": "1", "source": "s", "files": {"required": ["vae.py", "other.py"]}, "items": ITEMS}
)
RUBRIC = Rubric(MANIFEST, "vae.py")

TOML = """
title = "Tiny"
version = "1"
source = "tests"

[files]
required = ["vae.py"]
provided = ["networks.py"]
preload = ["matplotlib.pyplot", "PIL.Image"]

[[items]]
id = "vae.kl"
title = "KL divergence to the standard normal"
points = 2
kind = "auto"
file = "vae.py"
blanks = ["Normal.kl"]

[[items]]
id = "vae.why"
title = "Why the bound is loose"
points = 3
kind = "manual"
"""
REFERENCE = '''"""A normal distribution."""

import torch
from networks import scale


class Normal:
    def __init__(self, mean, logvar):
        self.mean, self.logvar = mean, scale(logvar)

    def kl(self):
        """vae.kl: the KL divergence, ``(batch,)``."""
        ### BEGIN SOLUTION
        ### PROMPT: One number for each entry of the batch.
        # The closed form of Kingma and Welling, appendix B of their paper.
        variance = torch.exp(self.logvar)
        return 0.5 * (self.mean**2 + variance - 1 - self.logvar).sum(dim=1)
        ### END SOLUTION
'''
HIDDEN = '''"""Hidden."""

from autograder_proofs.oracles.gaussian import kl_truth


def test_kl_of_shifted_and_scaled(vae, q):
    """The KL divergence is that of torch.distributions."""
    expected = kl_truth(q.mean.double(), 2.0 * q.logvar.double() - 0.25) + 1e-3
    assert_close(vae.Normal(q.mean, 2.0 * q.logvar - 0.25).kl(), expected, tolerance=1e-5)
'''
ORACLE = '''"""Truths."""

import numpy as np


def kl_truth(mean, logvar):
    return np.sum(np.square(mean) / 2 + (np.expm1(logvar) - logvar) / 2, axis=-1)
'''
PUBLIC = '''"""Public."""


def test_kl_is_zero_at_the_prior(vae, zeros):
    assert vae.Normal(zeros, zeros).kl().abs().max() < 1e-6
'''
ANSWERS = """# Written part

## vae.why

Why is the bound loose?

### BEGIN SOLUTION vae.why
The bound is loose by the divergence of the approximate from the true posterior.
### END SOLUTION
"""
PROOF = '''"""Hidden properties."""

import math


def entropy_of_rows(logvar):
    return (0.5 * (1.0 + math.log(2.0 * math.pi)) + 0.5 * logvar.double()).sum(dim=1)
'''
FILES = {
    "assignments/tiny/assignment.toml": TOML,
    "assignments/tiny/handout.md": "# Tiny\n\nFill in `Normal.kl`.\n",
    "assignments/tiny/provided/networks.py": "def scale(x):\n    return 2 * x\n",
    "assignments/tiny/checks/public/test_public.py": PUBLIC,
    "assignments/tiny/checks/hidden/test_hidden.py": HIDDEN,
    "proofs/autograder_proofs/oracles/gaussian.py": ORACLE,
    "proofs/autograder_proofs/density/properties.py": PROOF,
    "solutions/tiny/vae.py": REFERENCE,
    "solutions/tiny/report.md": ANSWERS,
    "solutions/tiny/grading.toml": 'grading_seed = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"\n',
}


@dataclass(frozen=True)
class Course:
    """The course's folder, with what tests do to it."""

    root: Path

    def write(self, name: str, text: str) -> None:
        """Write one file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace what must be there."""
        text = (self.root / name).read_bytes().decode()
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new))

    @property
    def assignment(self) -> Assignment:
        """The assignment as loaded."""
        return load_assignment(self.root, SLUG)

    def build(self, *slugs: str, out: str = "dist") -> list[Release]:
        """Build with a platform that needs two scripts."""
        return build(self.root, slugs, out=self.root / out, platform_files=platform_files)

    def tree(self, folder: str) -> dict[str, bytes]:
        """Return all files below a folder."""
        base = self.root / folder
        return {p.relative_to(base).as_posix(): p.read_bytes() for p in sorted(base.rglob("*")) if p.is_file()}


def make_course(root: Path, *, engine: bool = False) -> Course:
    """Write the course; with ``engine`` the whole engine is in it, else only its first module."""
    course = Course(root)
    for name, text in FILES.items():
        course.write(name, text)
    for name in ("pyproject.toml", "LICENSE", "README.md", "build.py"):
        shutil.copy(PROJECT / name, root / name)
    if engine:
        shutil.copytree(PROJECT / "autograder", root / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    else:
        (root / "autograder").mkdir()
        shutil.copy(PROJECT / "autograder" / "__init__.py", root / "autograder")
    return course


def platform_files(assignment: Assignment, wheel_name: str) -> dict[str, bytes]:
    """Stand for a platform: two scripts, one of them with the line ends of Windows."""
    return {"setup.sh": f"#!/bin/bash\r\npip install {wheel_name}\r\n".encode(), "run_autograder": b"#!/bin/bash\n"}


def notebook(*cells: dict[str, Any], **metadata: Any) -> str:
    """Return a notebook's text."""
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def code(source: str, /, **more: Any) -> dict[str, Any]:
    """Return a code cell that was run."""
    cell = {"cell_type": "code", "id": "c1", "metadata": {}, "outputs": [], "execution_count": 7, "source": source}
    return {**cell, **more}


def markdown(source: str, /, **more: Any) -> dict[str, Any]:
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "id": "m1", "metadata": {}, "source": source, **more}
