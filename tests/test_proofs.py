"""The hidden halves of the concepts as a distribution: what its wheel holds, and where it may not be."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.errors import UserError
from autograder.proofs import PROOFS, PROOFS_PACKAGE
from tests.concepts.course import CONCEPT, ConceptCourse
from tests.environments import environment_with_broken
from tests.proofs_wheel import ROOT, build_wheel, unpack

SAMPLE = "import torch\n\ndef sample(mean, logvar):\n    return mean\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("proofs"))


@pytest.fixture
def exposing(tmp_path) -> Path:
    """A Python into which somebody has installed the hidden halves."""
    python = environment_with_broken(tmp_path / "environment", {})
    site = next((tmp_path / "environment").glob("lib/python*/site-packages"))
    shutil.copytree(ROOT / PROOFS / PROOFS_PACKAGE, site / PROOFS_PACKAGE)
    return python


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-P", "-m", "autograder", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_wheel_has_every_file_and_asks_for_nothing(wheel):
    package = ROOT / PROOFS / PROOFS_PACKAGE
    files = {path.relative_to(ROOT / PROOFS).as_posix() for path in package.rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        assert "Requires-Dist" not in archive.read(metadata).decode()
    assert packed == {name for name in files if "__pycache__" not in name}
    assert {f"{PROOFS_PACKAGE}/{CONCEPT}/{name}" for name in ("misconceptions.toml", "proof/assignment.toml")} <= packed


@pytest.mark.thorough
def test_a_course_has_them_from_the_wheel(tmp_path, wheel):
    course = ConceptCourse(tmp_path)
    shutil.rmtree(course.root / PROOFS)
    unpack(wheel, course.root)
    run = course.grade(sampling=course.reference("sampling.py"))
    assert set(run.outcomes.values()) == {"PASS"} and "hidden" in run.output("sample")


def test_a_course_without_them_is_told_how_to_get_them(tmp_path):
    course = ConceptCourse(tmp_path)
    shutil.rmtree(course.root / PROOFS)
    says = rf"the hidden halves of the concepts are missing; unpack them with `pip install .* --target {course.root}"
    with pytest.raises(UserError, match=says):
        load_assignment(course.root, course.concept)
    run = course.grade(sampling=SAMPLE)
    assert run.status == 2 and re.search(says, run.stderr) and len(run.stderr.strip().splitlines()) == 1


def test_nothing_is_graded_where_submissions_could_read_them(tmp_path, exposing):
    course = ConceptCourse(tmp_path / "course")
    (tmp_path / "hand_in").mkdir()
    (tmp_path / "hand_in/sampling.py").write_text(SAMPLE, encoding="utf-8")
    done = run(exposing, "grade", course.concept, str(tmp_path / "hand_in"), "--root", str(course.root))
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert re.search(r"installed in .*site-packages/autograder_proofs, where submissions can read", done.stderr)


@pytest.mark.thorough
def test_the_doctor_names_the_place_where_submissions_could_read_them(exposing):
    done = run(exposing, "doctor")
    assert done.returncode == 1
    assert re.search(r"^FAIL  the hidden halves of the concepts are installed in .*site-packages", done.stdout, re.M)
