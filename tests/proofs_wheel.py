"""The wheel of the hidden halves of the concepts, and a course's folder made of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from autograder.proofs import PROOFS, PROOFS_PACKAGE

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the sources, and return it."""
    ignored = shutil.ignore_patterns("__pycache__")
    sources = shutil.copytree(ROOT / PROOFS, folder / "sources", ignore=ignored)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "wheels")]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    (wheel,) = (folder / "wheels").glob(f"{PROOFS_PACKAGE}-*.whl")
    return wheel


def unpack(wheel: Path, course: Path) -> None:
    """Give a course its hidden halves as instructors do."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", str(course / PROOFS), str(wheel)], check=True, capture_output=True)
