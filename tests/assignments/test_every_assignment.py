"""What is said of every assignment: right solutions get all points, templates none, and every item is proved."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from autograder.assignment import Assignment, load_assignment, slugs
from autograder.mutants import read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.handout_points import handout_problems
from autograder.verify.measurement.baselines import baselines_of
from autograder.verify.mutation import variants
from tests.templates import write_template

ROOT = Path(__file__).resolve().parents[2]
SLUGS = slugs(ROOT)
ASSIGNMENTS: dict[str, Assignment] = {slug: load_assignment(ROOT, slug) for slug in SLUGS}
ALTERNATIVES = [(slug, found.name) for slug in SLUGS for found in variants.alternatives(ASSIGNMENTS[slug])]


SHARING_HINTS = {"ift6135_a3"}
"""Assignments in which mistakes of one kind have one hint."""


@cache
def suite_of(slug: str) -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENTS[slug])


def measured(slug: str, *, training: bool = False) -> dict[str, float]:
    """The points of the items that the grader gives, by their ids."""
    items = (item for item in ASSIGNMENTS[slug].manifest.items if item.is_auto and item.training is training)
    return {item.id: item.points for item in items}


def failing(suite: CheckSuite, folder: Path, items: Iterable[str], seed: str) -> list[str]:
    """The checks of some items that do not pass; all of them must have checks."""
    found = suite.score(folder, items=list(items), grading_seed=seed)
    assert set(found) == set(items)
    return [check.id for one in found.values() for check in one.checks if check.outcome is not Outcome.PASS]


@pytest.mark.thorough
@pytest.mark.parametrize("slug", SLUGS)
def test_the_reference_gets_full_marks(slug: str, tmp_path: Path) -> None:
    """With a seed that no verification has tried."""
    variants.reference(ASSIGNMENTS[slug]).write(ASSIGNMENTS[slug], tmp_path)
    assert failing(suite_of(slug), tmp_path, measured(slug), "another") == []


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "name"), [*((slug, "reference") for slug in SLUGS), *ALTERNATIVES])
def test_right_solutions_get_full_marks_whatever_the_seed(slug: str, name: str, tmp_path: Path) -> None:
    known = [variants.reference(ASSIGNMENTS[slug]), *variants.alternatives(ASSIGNMENTS[slug])]
    found = next(one for one in known if one.name == name)
    found.write(ASSIGNMENTS[slug], tmp_path)
    items = [item for item in measured(slug) if item in found.items]
    for seed in range(10):
        assert failing(suite_of(slug), tmp_path, items, f"{name} {seed}") == []


@pytest.mark.thorough
@pytest.mark.parametrize("slug", SLUGS)
def test_the_template_gets_nothing_from_the_real_worker(slug: str, tmp_path: Path) -> None:
    folder = str(write_template(slug, tmp_path))
    command = [sys.executable, "-m", "autograder", "grade", slug, folder, "--json", "--no-training"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode in (0, 1), run.stderr
    scores = {test["extra_data"]["item"]: test.get("score") for test in json.loads(run.stdout)["tests"]}
    assert {item: scores[item] for item in measured(slug)} == dict.fromkeys(measured(slug), 0)


@pytest.mark.thorough
def test_a_training_gets_its_points_from_the_real_worker() -> None:
    slug, item = "mit67960_hw5", "q5.training"
    command = [sys.executable, "-m", "autograder", "grade", slug, f"solutions/{slug}", "--json", "--only", item]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    scores = {test["extra_data"]["item"]: test.get("score") for test in json.loads(run.stdout)["tests"]}
    assert scores[item] == ASSIGNMENTS[slug].manifest.item(item).points


@pytest.mark.parametrize("slug", SLUGS)
def test_every_item_is_proved_by_mistakes_and_every_training_by_trivial_methods(slug: str) -> None:
    catalogue = read_catalogue(ASSIGNMENTS[slug])
    blank = {item.id for item in ASSIGNMENTS[slug].manifest.items if item.blanks}
    for item in measured(slug):
        hints = [mutant.hint for mutant in catalogue.of_item(item)]
        assert len(hints) >= (6 if item in blank else 1), item
        if slug not in SHARING_HINTS:
            assert len(set(hints)) == len(hints), item
    assert set(baselines_of(suite_of(slug))) == set(measured(slug, training=True))


@pytest.mark.parametrize("slug", SLUGS)
def test_rubric_and_handout_agree_on_items_and_points(slug: str) -> None:
    assert handout_problems(ASSIGNMENTS[slug]) == []
    handout = (ASSIGNMENTS[slug].folder / "handout.md").read_text(encoding="utf-8")
    assert [item.id for item in ASSIGNMENTS[slug].manifest.items if f"`{item.id}`" not in handout] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_the_grading_seed_is_random_hex(slug: str) -> None:
    reference = ASSIGNMENTS[slug].reference
    assert reference is not None
    line = (reference / "grading.toml").read_text(encoding="utf-8")
    seed = line.partition('grading_seed = "')[2].partition('"')[0]
    assert len(bytes.fromhex(seed)) >= 16
