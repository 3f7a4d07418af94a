"""Items of training of `mit67960_hw5`: the reference learns, trivial methods and broken variants do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autograder.assignment import Assignment, load_assignment
from autograder.grading.running import Verdict
from autograder.references import reference_code
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.measurement.baselines import max_earned, read_baselines

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ("q5.training", "q11.diffusion.training")
BROKEN = {
    "the encoder is ignored": ("q5.training", "return self.decoder(z)", "return self.decoder(torch.zeros_like(z))"),
    "the decoder is frozen": ("q5.training", "return self.decoder(z)", "return self.decoder(z.detach()).detach()"),
    "the target is the image": ("q11.diffusion.training", "mse_loss(predicted, noise)", "mse_loss(predicted, x_0)"),
    "no gradient": ("q11.diffusion.training", "mse_loss(predicted, noise)", "mse_loss(predicted.detach(), noise)"),
    "a clean input": ("q11.diffusion.training", "model(q_sample(x_0, t, noise), t)", "model(x_0, t)"),
}


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return load_assignment(ROOT, "mit67960_hw5")


@pytest.fixture(scope="module")
def suite(assignment: Assignment) -> CheckSuite:
    return CheckSuite.collect(assignment)


def verdict(suite: CheckSuite, folder: Path, item: str, *, public: bool, seed: str = "verify") -> Verdict:
    """The verdict of the public, or of the hidden, check of an item."""
    chosen = tuple((check, given) for check, given in suite.checks if check.item == item and check.public is public)
    alone = CheckSuite(suite.assignment, chosen, suite.stand_ins)
    ((_, found),) = alone.verdicts(folder, grading_seed=seed)
    return found


def broken(assignment: Assignment, folder: Path, name: str) -> str:
    """Write a broken variant of the reference; return its item."""
    item, old, new = BROKEN[name]
    source = reference_code(assignment, "hw5.ipynb")
    assert source.count(old) == 1
    (folder / "hw5.py").write_text(source.replace(old, new), encoding="utf-8")
    return item


@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_learns_a_few_pictures_by_heart(suite: CheckSuite, assignment: Assignment, item: str) -> None:
    assert assignment.reference is not None
    found = verdict(suite, assignment.reference, item, public=True)
    assert found.outcome is Outcome.PASS, found.failure


@pytest.mark.parametrize("name", ["the encoder is ignored", "no gradient"])
def test_what_cannot_learn_is_found_by_measurement(
    suite: CheckSuite, assignment: Assignment, tmp_path: Path, name: str
) -> None:
    found = verdict(suite, tmp_path, broken(assignment, tmp_path, name), public=True)
    assert found.by_comparison and found.failure is not None and "after training" in found.failure.summary


@pytest.mark.parametrize("item", ITEMS)
def test_trivial_methods_earn_nothing(assignment: Assignment, suite: CheckSuite, item: str) -> None:
    baselines = read_baselines(assignment)[item]
    assert len(baselines) >= 3
    assert max_earned(baselines, seeds=2) == dict.fromkeys(baselines, 0.0)


def test_the_disguise_leaves_what_a_fixed_image_costs(suite: CheckSuite) -> None:
    (check,) = (check for check, _ in suite.checks if check.item == "q5.training" and not check.public)
    learning = check.function.__globals__["hw5_vae_learning"]
    plain, *tasks = (learning.Task.draw(torch.Generator().manual_seed(k), disguised=k > 0) for k in range(3))
    for task in tasks:
        assert task.criteria(0.0)[0].threshold == pytest.approx(plain.criteria(0.0)[0].threshold, rel=1e-5)
        assert not torch.equal(task.test, plain.test)
        torch.testing.assert_close(task.undisguised(task.test), plain.test)


@pytest.mark.parametrize("seed", ["verify", pytest.param("another", marks=pytest.mark.slow)])
@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_passes(suite: CheckSuite, assignment: Assignment, item: str, seed: str) -> None:
    assert assignment.reference is not None
    found = verdict(suite, assignment.reference, item, public=False, seed=seed)
    assert found.outcome is Outcome.PASS, found.failure


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("name", ["convolutional", "distributions", "functional_style"])
def test_other_right_solutions_pass(suite: CheckSuite, assignment: Assignment, name: str, item: str) -> None:
    found = verdict(suite, assignment.folder / "alternatives" / name, item, public=False)
    assert found.outcome is Outcome.PASS, found.failure


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_variant_does_not_pass(suite: CheckSuite, assignment: Assignment, tmp_path: Path, name: str) -> None:
    assert verdict(suite, tmp_path, broken(assignment, tmp_path, name), public=False).by_comparison
