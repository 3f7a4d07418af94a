"""The sixth assignment as a course of its own, which has nothing of this repository's assignments."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from autograder.assignment import Assignment, load_assignment
from tests.proofs_wheel import build_wheel, unpack
from tests.release.course import PROJECT
from tests.tiny import Run, command

SLUG = "sixteen"
COURSE = Path(__file__).resolve().parent / "course"


@dataclass(frozen=True)
class SixthCourse:
    """The course's folder, built."""

    root: Path

    @property
    def assignment(self) -> Assignment:
        """The assignment as loaded."""
        return load_assignment(self.root, SLUG)

    def unpacked(self, kind: str) -> Path:
        """Unpack the student's or Gradescope's zip, and return the folder."""
        folder = self.root / f"unpacked_{kind}"
        with zipfile.ZipFile(self.root / "dist" / f"{SLUG}_{kind}.zip") as archive:
            archive.extractall(folder)
        return folder

    def grade(self, path: Path, *, root: Path | None = None) -> Run:
        """Grade a hand-in with the real command."""
        out = self.root / "results"
        done = command("grade", SLUG, str(path), "--root", str(root or self.root), "--out", str(out))
        file = out / "results.json"
        results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return Run(done.returncode, done.stdout, done.stderr, results)

    def build_py(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the course's ``build.py``."""
        command = [sys.executable, "build.py", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)


def make_course(root: Path) -> SixthCourse:
    """Write the course: its files, the engine, and the hidden halves of the concepts from their wheel; build it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(COURSE, root, dirs_exist_ok=True, ignore=ignored)
    shutil.copytree(PROJECT / "autograder", root / "autograder", ignore=ignored)
    for name in ("pyproject.toml", "LICENSE", "README.md", "build.py"):
        shutil.copy(PROJECT / name, root / name)
    unpack(build_wheel(root / "made"), root)
    course = SixthCourse(root)
    done = course.build_py(SLUG)
    assert done.returncode == 0, done.stderr
    return course
