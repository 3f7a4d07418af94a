"""An assignment written with the documents alone: what it costs, what it proves, and that it works elsewhere."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from autograder.proofs import PROOFS, PROOFS_PACKAGE
from autograder.texts import read_toml
from tests.sixth.course_of_its_own import COURSE, SLUG

pytestmark = pytest.mark.thorough

MAX_LINES_PER_ITEM = 60
MIN_ITEMS, MIN_CONCEPTS = 12, 8
TRAININGS = {"vae_training", "diffusion_training"}
"""Concepts whose mistakes are in the blanks of other items."""


def test_an_item_costs_few_lines(course):
    manifest = course.assignment.manifest
    folder = COURSE / "assignments" / SLUG
    written = [folder / "assignment.toml", folder / "mutants.toml", *(folder / "checks").rglob("*.py")]
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in written)
    items = [item for item in manifest.items if item.is_auto]
    assert len(items) >= MIN_ITEMS and len(manifest.concepts) >= MIN_CONCEPTS
    assert lines <= MAX_LINES_PER_ITEM * len(items)


def test_students_get_no_hidden_half(course):
    with zipfile.ZipFile(course.root / "dist" / f"{SLUG}_student.zip") as archive:
        names = set(archive.namelist())
        (wheel,) = [name for name in names if name.endswith(".whl")]
        inside = zipfile.ZipFile(io.BytesIO(archive.read(wheel)))
    assert {f"{SLUG}/latent.py", f"{SLUG}/denoise.py", f"{SLUG}/handout.md"} <= names
    private = {PROOFS, PROOFS_PACKAGE, "hidden", "mutants.toml"}
    assert not [name for name in {*names, *inside.namelist()} if private & set(name.split("/"))]


def test_the_template_earns_nothing(course):
    run = course.grade(course.unpacked("student") / SLUG)
    assert run.status == 0, run.stderr
    assert set(run.scores.values()) == {0.0}


@pytest.mark.slow
def test_the_reference_earns_everything_where_gradescope_unpacks_its_zip(course):
    run = course.grade(COURSE / "solutions" / SLUG, root=course.unpacked("gradescope"))
    assert run.status == 0, run.stderr
    assert run.scores == {item.id: item.points for item in course.assignment.manifest.items if item.is_auto}


@pytest.mark.slow
def test_the_rubric_is_proved(course):
    done = course.build_py("verify", SLUG, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((course.root / "dist/verify" / SLUG / "matrix.json").read_text(encoding="utf-8"))
    assert report["passed"] and report["problems"] == [] and report["exemptions"] == []
    planted = {one["concept"] for one in read_toml(course.assignment.folder / "mutants.toml")["concepts"]}
    assert {*planted, *TRAININGS} == course.assignment.manifest.concepts.keys()
    assert {row["role"] for row in report["rows"]} >= {"reference", "template", "alternative", "mutant"}
