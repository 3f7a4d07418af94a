"""The checks of SimSiam: right for every right solution, wrong for every wrong one, and for its own item only."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.mutants import apply, read_catalogue
from autograder.reports.plain_text import notes
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
FORWARD, COSINE, LOSS = ITEMS = ("simsiam.forward", "simsiam.cosine_similarity", "simsiam.loss")
FULL = dict.fromkeys(ITEMS, 2)


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, "ift6135_a3")


@pytest.fixture(scope="module")
def suite(assignment):
    return CheckSuite.collect(assignment)


@pytest.fixture(scope="module")
def reference(assignment):
    return (assignment.reference / "q3_solution.py").read_text(encoding="utf-8")


def points(suite, folder, **options):
    return {item: result.points for item, result in suite.score(folder, items=ITEMS, **options).items()}


def variant(folder, source, *replacements):
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    (folder / "q3_solution.py").write_text(source, encoding="utf-8")
    return folder


# Wrong variants: those of the catalogue

MUTANTS = {
    mutant.id: mutant for mutant in read_catalogue(load_assignment(ROOT, "ift6135_a3")).mutants if mutant.item in FULL
}


def mutated(folder, source, name):
    """The reference with the bug of a mutant in it."""
    return variant(folder, apply(MUTANTS[name].replacements, source, where=name))


def test_a_wrong_similarity_costs_nothing_of_the_loss(suite, reference, tmp_path):
    assert points(suite, mutated(tmp_path, reference, "cosine-dot-product")) == {FORWARD: 2, COSINE: 0, LOSS: 2}


def test_a_loss_that_stops_gradients_itself_costs_nothing_and_is_told(suite, reference, tmp_path):
    stopping = (
        "similarity(p1, z2).mean() + similarity(p2, z1)",
        "similarity(p1, z2.detach()).mean() + similarity(p2, z1.detach())",
    )
    judged = suite.score(variant(tmp_path, reference, stopping), items=[LOSS])[LOSS]
    assert judged.points == FULL[LOSS]
    (note,) = notes(judged)
    assert "3.4" in note and "stop_gradient=False then changes nothing" in note
    assert notes(suite.score(reference, items=[LOSS])[LOSS]) == []


def test_an_eps_that_is_felt_costs_points(suite, reference, tmp_path):
    folder = variant(tmp_path, reference, (".clamp(min=self.eps)", ".clamp(min=max(self.eps, 1e-2))"))
    assert points(suite, folder)[COSINE] < 2


def test_one_misconception_costs_a_sensible_part(suite, reference, tmp_path):
    def lost(name):
        item = MUTANTS[name].item
        return round(2 - suite.score(mutated(tmp_path, reference, name), items=[item])[item].points, 2)

    assert lost("simsiam-forward-detach-dropped") == 1.0  # the values are right
    assert lost("cosine-no-eps") == 0.5
    assert lost("cosine-squeezed") == 0.17
    assert lost("simsiam-loss-predictions-detached") == 0.8
    assert lost("simsiam-loss-sign") == lost("simsiam-loss-no-half") == lost("simsiam-loss-same-view") == 2


Z = "        z1, z2 = self.encoder(x1), self.encoder(x2)\n"
DOT = "(x1 * x2).sum(dim=self.dim) / product_of_norms.clamp(min=self.eps)"
TERMS = "-0.5 * (similarity(p1, z2).mean() + similarity(p2, z1).mean())"
STUBS = {
    "none": ("None", "None", "None"),
    "zeros": ("(x1.new_zeros(len(x1), 2),) * 4", "x1.new_zeros(len(x1))", "p1.new_zeros(())"),
    "attached_zeros": ("(0 * self.encoder(x1),) * 4", "0 * (x1 * x2).sum(1)", "0 * (p1 + p2).sum()"),
    "first_input": ("x1", "x1", "p1"),
    "inputs": ("(x1, x2, x1, x2)", "(x1, x2)", "(p1, p2, z1, z2)"),
    "flattened_inputs": ("tuple(x.flatten(1) for x in (x1, x2, x1, x2))", "x1[:, 0]", "p1[0, 0]"),
    "not_written": ("exec('raise NotImplementedError')",) * 3,
}


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_fails_every_check_by_itself(suite, reference, tmp_path, name):
    forward, cosine, loss = STUBS[name]
    folder = variant(tmp_path, reference, (Z, f"        return {forward}\n" + Z), (DOT, cosine), (TERMS, loss))
    for result in suite.score(folder, items=ITEMS).values():
        assert {check.outcome for check in result.checks} == {Outcome.FAIL}
        assert result.points == 0


def test_failures_say_what_is_wrong(suite, reference, tmp_path):
    def summaries(name):
        item = MUTANTS[name].item
        result = suite.score(mutated(tmp_path, reference, name), items=[item])[item]
        return " | ".join(check.failure.summary for check in result.checks if check.failure)

    assert "with stop_gradient=True, z1 is attached to f" in summaries("simsiam-forward-detach-dropped")
    assert "with stop_gradient=False, z1 is cut off from f" in summaries("simsiam-forward-flag-always-on")
    assert "forward() must return four tensors: p1, p2, z1, z2" in summaries("simsiam-forward-two-outputs")
    assert "the similarity is not finite" in summaries("cosine-no-eps")
    assert "no gradient of the loss reaches p1" in summaries("simsiam-loss-predictions-detached")
    assert "the loss of parallel pairs is wrong" in summaries("simsiam-loss-sign")


@pytest.mark.thorough
def test_a_jailed_worker_gives_the_same_points(assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "simsiam_two_passes" / "q3_solution.py").read_text(encoding="utf-8")
    folder = variant(tmp_path, source, ("return -torch.stack", "return torch.stack"))
    only = [option for item in ITEMS for option in ("--only", item)]
    command = [sys.executable, "-m", "autograder", "grade", "ift6135_a3", str(folder), "--json", *only]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    found = {test["extra_data"]["item"]: test["score"] for test in json.loads(run.stdout)["tests"]}
    assert {item: found[item] for item in ITEMS} == {FORWARD: 2, COSINE: 2, LOSS: 0}, run.stderr
