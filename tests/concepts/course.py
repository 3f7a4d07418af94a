"""The proof of a concept as a course of its own, graded by the real command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from autograder.assignment import PROOFS, PROOFS_PACKAGE
from tests.tiny import Run, Tiny

ROOT = Path(__file__).resolve().parents[2]
CONCEPT = "reparameterization"


class ConceptCourse:
    """A course whose one assignment, named after a concept, asks for that concept alone."""

    def __init__(self, root: Path, concept: str = CONCEPT) -> None:
        self.root, self.concept = root, concept
        proof = ROOT / PROOFS / PROOFS_PACKAGE / concept / "proof"
        shutil.copytree(ROOT / PROOFS, root / PROOFS, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(proof, root / "assignments" / concept)
        shutil.copytree(proof / "reference", root / "solutions" / concept)
        (root / "solutions" / concept / "grading.toml").write_text('grading_seed = "concept"\n', encoding="utf-8")

    def reference(self, name: str) -> str:
        """Return a file of the reference."""
        return (self.root / "solutions" / self.concept / name).read_text(encoding="utf-8")

    def grade(self, *options: str, **files: str) -> Run:
        """Grade a hand-in of these files, ``sampling=...``, with the real command."""
        folder = self.root / f"hand_in_{len(list(self.root.glob('hand_in_*')))}"
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(text, encoding="utf-8")
        out = self.root / "out"
        done = Tiny.command("grade", self.concept, str(folder), "--root", str(self.root), "--out", str(out), *options)
        return Run(done.returncode, done.stdout, done.stderr, read_json(out / "results.json"))


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds, nothing where it is missing."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
