"""Items of training: right solutions learn, trivial methods and broken variants do not.

Cheats are tried on the concept itself (`tests/concepts/test_training.py`). `csci1051_ps3` has trainings of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from autograder.assignment import load_assignment
from autograder.grading.running import Verdict
from autograder.mutants import read_catalogue
from autograder.references import as_text
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.measurement.baselines import baselines_of, max_earned

ROOT = Path(__file__).resolve().parents[2]
TABLES = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "tests/assignments/broken_training").glob("*.toml"))
}
ASSIGNMENTS = {slug: load_assignment(ROOT, slug) for slug in TABLES}
ITEMS = [
    (slug, item.id)
    for slug, assignment in ASSIGNMENTS.items()
    for item in assignment.manifest.items
    if item.training and item.is_auto
]
ALTERNATIVES = [
    (slug, item, folder)
    for slug, item in ITEMS
    for folder in sorted((ASSIGNMENTS[slug].folder / "alternatives").iterdir())
    if (folder / as_text(str(ASSIGNMENTS[slug].manifest.item(item).file))).is_file()
]


def tables(name: str) -> list[Any]:
    """The entries of all assignments with this name, as parameters."""
    return [
        pytest.param(slug, broken, id=f"{slug} {broken['item']}: {broken['name']}")
        for slug, table in TABLES.items()
        for broken in table.get(name, [])
    ]


@cache
def suite_of(slug: str) -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENTS[slug])


def reference(slug: str) -> Path:
    folder = ASSIGNMENTS[slug].reference
    assert folder is not None
    return folder


def verdicts(
    suite: CheckSuite, folder: Path, item: str, *, public: bool | None = None, check: str = "", seed: str = "verify"
) -> dict[str, Verdict]:
    """The verdicts of an item's checks, of those with an id that ends like this, by id."""
    chosen = [pair for pair in suite.checks if pair[0].item == item and public in (None, pair[0].public)]
    kept = tuple(pair for pair in chosen if not check or pair[0].id.endswith(f"::{check}"))
    assert kept
    found = replace(suite, checks=kept).verdicts(folder, grading_seed=seed)
    return {one.id: verdict for one, verdict in found}


def broken_suite(slug: str, folder: Path, broken: dict[str, str]) -> tuple[CheckSuite, Path]:
    """The suite and the folder of a variant: another training loop in a probe, or another reference."""
    suite, copy = suite_of(slug), ASSIGNMENTS[slug]
    name = broken.get("file") or as_text(str(copy.manifest.item(broken["item"]).file))
    if "file" in broken:
        copy = replace(copy, folder=shutil.copytree(copy.folder, folder / slug))
    source = copy.public_checks / name if "file" in broken else reference(slug) / name
    text = source.read_text(encoding="utf-8")
    assert text.count(broken["old"]) == 1, f"{broken['old']!r} occurs {text.count(broken['old'])} times"
    target = source if "file" in broken else folder / name
    target.write_text(text.replace(broken["old"], broken["new"]), encoding="utf-8")
    return replace(suite, assignment=copy), reference(slug) if "file" in broken else folder


def assert_passed(found: dict[str, Verdict]) -> None:
    assert {name: verdict.failure for name, verdict in found.items()} == dict.fromkeys(found)
    assert {verdict.outcome for verdict in found.values()} == {Outcome.PASS}


# fast: the public companions, and methods that do not learn


@pytest.mark.thorough
@pytest.mark.parametrize(("slug", "item"), ITEMS)
def test_the_reference_learns_a_little_by_heart_and_students_see_it(slug: str, item: str) -> None:
    found = verdicts(suite_of(slug), reference(slug), item, public=True)
    assert_passed(found)
    if item.startswith(("p4", "simsiam")):
        return
    for verdict in found.values():
        titles = [exhibit.title for exhibit in verdict.exhibits]
        assert titles[:2] == ["Loss while a few pictures are learned", titles[1]]
        assert titles[1] in ("Learned by heart", "What is left of the noise")


@pytest.mark.parametrize(("slug", "broken"), [one for one in tables("variants") if one.values[1]["name"] == "no step"])
def test_a_loss_without_a_gradient_teaches_nothing(slug: str, broken: dict[str, str], tmp_path: Path) -> None:
    """It is found by measurement, not by an exception: the loop goes on and the model stays as it was."""
    for verdict in verdicts(*broken_suite(slug, tmp_path, broken), broken["item"], public=True).values():
        assert verdict.by_comparison and verdict.failure and "after training" in verdict.failure.summary


@pytest.mark.parametrize(("slug", "item"), ITEMS)
def test_trivial_methods_earn_nothing(slug: str, item: str) -> None:
    baselines = baselines_of(suite_of(slug))[item]
    assert len(baselines) >= 2
    assert max_earned(baselines, seeds=2) == dict.fromkeys(baselines, 0.0)


@pytest.mark.parametrize(("slug", "broken"), tables("by_values"))
def test_what_no_training_can_see_is_seen_in_values(slug: str, broken: dict[str, str], tmp_path: Path) -> None:
    found = verdicts(*broken_suite(slug, tmp_path, broken), broken["item"])
    assert any(verdict.outcome is Outcome.FAIL for verdict in found.values())


# real trainings, which `build.py verify` does as well


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["verify", "another"])
@pytest.mark.parametrize(("slug", "item"), ITEMS)
def test_the_reference_passes(slug: str, item: str, seed: str) -> None:
    assert_passed(verdicts(suite_of(slug), reference(slug), item, public=False, seed=seed))


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "item", "folder"), ALTERNATIVES, ids=lambda value: getattr(value, "name", value))
def test_other_right_solutions_learn(slug: str, item: str, folder: Path) -> None:
    assert_passed(verdicts(suite_of(slug), folder, item))


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "broken"), tables("variants"))
def test_a_broken_variant_does_not_learn(slug: str, broken: dict[str, str], tmp_path: Path) -> None:
    where = broken_suite(slug, tmp_path, broken)
    (verdict,) = verdicts(*where, broken["item"], public=False, check=broken["check"]).values()
    assert verdict.outcome is Outcome.FAIL


MUTANTS = [
    pytest.param(slug, mutant, id=f"{slug} {mutant.id}")
    for slug, assignment in ASSIGNMENTS.items()
    for mutant in read_catalogue(assignment).mutants
    if assignment.manifest.item(mutant.item).training
]


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "mutant"), MUTANTS)
def test_training_sees_its_mutants(slug: str, mutant: Any, tmp_path: Path) -> None:
    file, text = read_catalogue(ASSIGNMENTS[slug]).source(mutant)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert any(verdict.by_comparison for verdict in verdicts(suite_of(slug), tmp_path, mutant.item).values())


@pytest.mark.slow
@pytest.mark.parametrize("old", ["torch.exp(0.5 * logvar) * noise", "-0.5 * torch.sum(squares"])
def test_mistakes_of_other_items_cost_nothing(old: str, tmp_path: Path) -> None:
    new = {"torch.exp(0.5": "torch.exp(1.0", "-0.5": "-1.0"}
    (changed,) = (old.replace(a, b) for a, b in new.items() if old.startswith(a))
    for item in ("p3.training", "p4.training"):
        broken = {"item": item, "old": old, "new": changed}
        assert_passed(verdicts(*broken_suite("mit6s978_ps1", tmp_path, broken), item, public=False))


# through the real worker


def graded(slug: str, path: Path, out: Path) -> list[Any]:
    """The items of training as the real command grades them."""
    command = [sys.executable, "-m", "autograder", "grade", slug, str(path), "--out", str(out)]
    command += [part for one, item in ITEMS if one == slug for part in ("--only", item)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "results.json").read_text())["tests"]  # type: ignore[no-any-return]


def assert_full_marks(slug: str, tests: list[Any]) -> None:
    points = {item: ASSIGNMENTS[slug].manifest.item(item).points for one, item in ITEMS if one == slug}
    assert {t["extra_data"]["item"]: t["score"] for t in tests} == points


@pytest.mark.slow
@pytest.mark.parametrize("slug", TABLES)
def test_the_reference_passes_through_the_real_worker_within_the_budget(slug: str, tmp_path: Path) -> None:
    assert_full_marks(slug, graded(slug, ROOT / "solutions" / slug, tmp_path))


SLOWLY = """
def _{n}_four_times(work):
    import functools, time

    @functools.wraps(work)
    def slowly(*arguments, **options):
        begun = time.perf_counter()
        result = work(*arguments, **options)
        ends = time.perf_counter() + {more} * (time.perf_counter() - begun)
        while time.perf_counter() < ends:
            pass
        return result

    return slowly


{name} = _{n}_four_times({name})
"""
PASSES = {"vae_solution.py": "VAE.forward", "ddpm_solution.py": "p_losses", "q3_solution.py": "SimSiam.forward"}
FOR_ALL_STEPS = 9
"""Times what the pass forward takes: with the pass back, which takes twice as long, a step is four times as slow."""


@pytest.mark.slow
def test_a_hand_in_that_is_four_times_as_slow_still_finishes(tmp_path: Path) -> None:
    for number, (file, name) in enumerate(PASSES.items()):
        source = (reference("ift6135_a3") / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(source + SLOWLY.format(n=number, name=name, more=FOR_ALL_STEPS))
    assert_full_marks("ift6135_a3", graded("ift6135_a3", tmp_path, tmp_path / "results"))


# SimSiam, whose training is its assignment's own


def test_the_collapse_can_be_seen() -> None:
    found = verdicts(suite_of("ift6135_a3"), reference("ift6135_a3"), "simsiam.training", public=True)
    (verdict,) = found.values()
    spread = {series.name: max(series.values) for series in verdict.exhibits[-1].data.series}  # type: ignore[union-attr]
    assert spread["without"] > 1.5 * spread["with stop-gradient"]


COPYING = '''
import torch
from torch import nn


class SimSiam(nn.Module):
    """No network and no loss: principal components; what it predicts is the other view's code."""

    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True):
        super().__init__()
        self.dim, self.kept, self.seen, self.basis = dim, 16 if stop_gradient else 5, [], None
        self.unused = nn.Parameter(torch.zeros(1))

    def code(self, x):
        z = (x.flatten(1) - self.mean) @ self.basis
        return nn.functional.pad(z, (0, self.dim - z.shape[1]))

    def forward(self, x1, x2):
        if self.training:
            self.seen += [x1.flatten(1), x2.flatten(1)]
            return (torch.zeros(len(x1), self.dim),) * 4
        if self.basis is None:
            x = torch.cat(self.seen[-400:])
            self.mean = x.mean(0)
            values, vectors = torch.linalg.eigh((x - self.mean).T @ (x - self.mean) / len(x))
            self.basis = vectors[:, -self.kept :] / values[-self.kept :] ** 0.35
        z1, z2 = self.code(x1), self.code(x2)
        return z2.clone(), z1.clone(), z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function=None):
        return torch.zeros(())
'''


@pytest.mark.slow
def test_predictions_copied_from_the_other_view_do_not_agree(tmp_path: Path) -> None:
    (tmp_path / "q3_solution.py").write_text(COPYING, encoding="utf-8")
    for verdict in verdicts(suite_of("ift6135_a3"), tmp_path, "simsiam.training", public=False).values():
        assert verdict.by_comparison and verdict.failure and "agreement" in verdict.failure.summary
