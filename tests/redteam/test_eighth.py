"""Right code on a machine that gives the whole grading an eighth of a processor: full marks or BLOCKED, never FAIL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.references import notebook_of_text, reference_path
from tests.redteam.load import an_eighth_of_a_core

ROOT = Path(__file__).resolve().parents[2]
SLUGS = sorted(path.parent.name for path in ROOT.glob("assignments/*/assignment.toml"))
TEN_MINUTES = 600

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="slows processes down as Linux can"),
]


def hand_in(slug: str, folder: Path) -> Path:
    """The reference as a student hands it in: notebooks that are kept as text as notebooks that were run."""
    assignment = load_assignment(ROOT, slug)
    folder.mkdir()
    for name in assignment.manifest.files.required:
        path = reference_path(assignment, name)
        if path.name == name:
            shutil.copy(path, folder / name)
            continue
        notebook = notebook_of_text(path.read_text(encoding="utf-8"), path.name)
        for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), 1):
            cell["execution_count"] = number
        (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    return folder


@pytest.mark.parametrize("slug", SLUGS)
def test_a_reference_loses_nothing_on_an_eighth_of_a_core(slug: str, tmp_path: Path) -> None:
    path, out = hand_in(slug, tmp_path / "hand_in"), tmp_path / "out"
    command = [sys.executable, "-P", "-m", "autograder", "grade", slug, str(path), "--root", str(ROOT)]
    command += ["--no-training", "--deadline", str(TEN_MINUTES), "--out", str(out)]
    with an_eighth_of_a_core() as before:
        done = subprocess.run([*before, *command], capture_output=True, text=True, env={**os.environ}, check=False)
    tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
    graded = [test for test in tests if "outcome" in test["extra_data"]]
    assert graded and done.returncode in (0, 1), done.stderr
    assert {test["extra_data"]["outcome"] for test in graded} <= {"PASS", "BLOCKED"}, done.stdout
    passed = [test for test in graded if test["extra_data"]["outcome"] == "PASS"]
    assert passed and all(test["score"] == test["max_score"] for test in passed), done.stdout
