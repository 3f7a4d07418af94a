"""The checks of SimSiam: right for every right solution, wrong for every wrong one, and for its own item only."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.results import Outcome
from autograder.verify.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
FORWARD, COSINE, LOSS = ITEMS = ("simsiam.forward", "simsiam.cosine_similarity", "simsiam.loss")
ALTERNATIVES = ("simsiam_original_starter", "simsiam_two_passes", "simsiam_joint_batch")


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


@pytest.mark.parametrize("seed", ["verify", "another", "a third"])
def test_the_reference_gets_full_marks(suite, assignment, seed):
    assert points(suite, assignment.reference, grading_seed=seed) == {FORWARD: 2, COSINE: 2, LOSS: 2}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_other_right_solutions_get_full_marks(suite, assignment, name):
    found = points(suite, assignment.folder / "alternatives" / name)
    assert found == {FORWARD: 2, COSINE: 2, LOSS: 2}


Z = "        z1, z2 = self.encoder(x1), self.encoder(x2)\n"
P = "        p1, p2 = self.predictor(z1), self.predictor(z2)\n"
STOP = "            z1, z2 = z1.detach(), z2.detach()\n"
FLAG = "if self.stop_gradient:"
RETURN = "        return p1, p2, z1, z2\n"
UNFROZEN = "self.MLP_mode != 'fixed_random_init'"
DOT = "(x1 * x2).sum(dim=self.dim) / product_of_norms.clamp(min=self.eps)"
NORMS = "torch.linalg.vector_norm(x1, dim=self.dim) * torch.linalg.vector_norm(x2, dim=self.dim)"
TERMS = "-0.5 * (similarity(p1, z2).mean() + similarity(p2, z1).mean())"
SIMILARITY = "        similarity = CosineSimilarity(dim=1)\n"

WRONG = {
    "detach_result_dropped": (FORWARD, STOP, "            z1.detach(), z2.detach()\n"),
    "p_from_detached_z": (FORWARD, Z, Z.replace("(x1)", "(x1).detach()").replace("(x2)", "(x2).detach()")),
    "p_detached_instead_of_z": (FORWARD, STOP, "            p1, p2 = p1.detach(), p2.detach()\n"),
    "everything_detached": (FORWARD, STOP, STOP + "            p1, p2 = p1.detach(), p2.detach()\n"),
    "only_z1_detached": (FORWARD, STOP, "            z1 = z1.detach()\n"),
    "stop_gradient_ignored": (FORWARD, FLAG, "if False:"),
    "stop_gradient_always": (FORWARD, FLAG, "if True:"),
    "stop_gradient_inverted": (FORWARD, FLAG, "if not self.stop_gradient:"),
    "z_first": (FORWARD, RETURN, "        return z1, z2, p1, p2\n"),
    "interleaved": (FORWARD, RETURN, "        return p1, z1, p2, z2\n"),
    "paired_as_in_the_loss": (FORWARD, RETURN, "        return p1, z2, p2, z1\n"),
    "z_swapped": (FORWARD, RETURN, "        return p1, p2, z2, z1\n"),
    "p_swapped": (FORWARD, RETURN, "        return p2, p1, z1, z2\n"),
    "views_swapped": (FORWARD, Z, "        z1, z2 = self.encoder(x2), self.encoder(x1)\n"),
    "one_view_twice": (FORWARD, Z, "        z1, z2 = self.encoder(x1), self.encoder(x1)\n"),
    "no_predictor": (FORWARD, P, "        p1, p2 = z1, z2\n"),
    "predictor_twice": (FORWARD, P, P + "        z1, z2 = p1, p2\n"),
    "predictor_without_gradient": (FORWARD, P, "        with torch.no_grad():\n    " + P),
    "encoder_without_gradient": (FORWARD, Z, "        with torch.no_grad():\n    " + Z),
    "frozen_predictor_blocks_gradients": (FORWARD, P, f"        with torch.set_grad_enabled({UNFROZEN}):\n    " + P),
    "normalised_projections": (FORWARD, Z, Z + "        z1, z2 = z1 / z1.norm(), z2 / z2.norm()\n"),
    "two_outputs": (FORWARD, RETURN, "        return p1, p2\n"),
    "whole_batch_norm": (COSINE, NORMS, "torch.linalg.vector_norm(x1) * torch.linalg.vector_norm(x2)"),
    "no_eps": (COSINE, ".clamp(min=self.eps)", ""),
    "eps_added_to_the_norms": (COSINE, "product_of_norms.clamp(min=self.eps)", "(product_of_norms + self.eps)"),
    "large_eps_inside": (COSINE, ".clamp(min=self.eps)", ".clamp(min=1e-2)"),
    "squeezed": (COSINE, DOT, f"({DOT}).squeeze()"),
    "dot_product": (COSINE, DOT, "(x1 * x2).sum(dim=self.dim)"),
    "one_norm_missing": (COSINE, NORMS, "torch.linalg.vector_norm(x1, dim=self.dim)"),
    "squared_norms": (COSINE, NORMS, "(x1**2).sum(dim=self.dim) * (x2**2).sum(dim=self.dim)"),
    "absolute_norms": (COSINE, NORMS, "x1.abs().sum(dim=self.dim) * x2.abs().sum(dim=self.dim)"),
    "other_axis": (COSINE, DOT, "nn.functional.cosine_similarity(x1, x2, dim=0, eps=self.eps)"),
    "averaged": (COSINE, DOT, f"({DOT}).mean()"),
    "kept_dimension": (COSINE, DOT, f"({DOT}).unsqueeze(1)"),
    "every_pair": (COSINE, DOT, "nn.functional.normalize(x1) @ nn.functional.normalize(x2).T"),
    "negative": (COSINE, DOT, f"-{DOT}"),
    "absolute": (COSINE, DOT, f"({DOT}).abs()"),
    "distance": (COSINE, DOT, f"1 - {DOT}"),
    "constant_norms": (COSINE, "product_of_norms.clamp", "product_of_norms.detach().clamp"),
    "constant_similarity": (COSINE, DOT, f"({DOT}).detach()"),
    "summed": (LOSS, TERMS, TERMS.replace("mean", "sum")),
    "no_half": (LOSS, TERMS, TERMS.replace("0.5 * ", "")),
    "plus": (LOSS, TERMS, TERMS.replace("-0.5", "0.5")),
    "one_minus": (LOSS, TERMS, "1 " + TERMS),
    "first_term_only": (LOSS, TERMS, "-similarity(p1, z2).mean()"),
    "second_term_only": (LOSS, TERMS, "-similarity(p2, z1).mean()"),
    "half_of_one_term": (LOSS, TERMS, "-0.5 * similarity(p1, z2).mean() + similarity(p2, z1).mean()"),
    "same_view": (LOSS, TERMS, "-0.5 * (similarity(p1, z1).mean() + similarity(p2, z2).mean())"),
    "predictions_only": (LOSS, TERMS, "-similarity(p1, p2).mean()"),
    "targets_only": (LOSS, TERMS, "-similarity(z1, z2).mean() + 0 * (p1.sum() + p2.sum())"),
    "one_per_row": (LOSS, TERMS, TERMS.replace(".mean()", "")),
    "predictions_detached": (LOSS, TERMS, TERMS.replace("(p1, ", "(p1.detach(), ").replace("(p2, ", "(p2.detach(), ")),
    "one_prediction_detached": (LOSS, TERMS, TERMS.replace("(p1, ", "(p1.detach(), ")),
    "loss_of_dot_products": (LOSS, SIMILARITY, "        similarity = lambda a, b: (a * b).sum(1)\n"),
    "loss_of_squared_distances": (LOSS, SIMILARITY, "        similarity = lambda a, b: -((a - b) ** 2).sum(1)\n"),
    "loss_as_a_number": (LOSS, TERMS, f"({TERMS}).item()"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_variant_costs_points_of_its_item_alone(suite, reference, tmp_path, name):
    item, old, new = WRONG[name]
    found = points(suite, variant(tmp_path, reference, (old, new)))
    assert found.pop(item) < 2
    assert set(found.values()) == {2}


def test_one_misconception_costs_a_sensible_part(suite, reference, tmp_path):
    def lost(name):
        item, old, new = WRONG[name]
        return round(2 - suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item].points, 2)

    assert lost("detach_result_dropped") == 1.0  # the values are right
    assert lost("no_eps") == 0.5
    assert lost("squeezed") == 0.17
    assert lost("predictions_detached") == 0.8
    assert lost("plus") == lost("no_half") == lost("same_view") == 2


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
        item, old, new = WRONG[name]
        result = suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item]
        return " | ".join(check.failure.summary for check in result.checks if check.failure)

    assert "with stop_gradient=True, z1 is attached to f" in summaries("detach_result_dropped")
    assert "with stop_gradient=False, z1 is cut off from f" in summaries("stop_gradient_always")
    assert "forward() must return four tensors: p1, p2, z1, z2" in summaries("two_outputs")
    assert "the similarity is not finite" in summaries("no_eps")
    assert "no gradient of the loss reaches p1" in summaries("predictions_detached")
    assert "the loss of parallel pairs is wrong" in summaries("plus")


def test_a_jailed_worker_gives_the_same_points(assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "simsiam_two_passes" / "q3_solution.py").read_text(encoding="utf-8")
    folder = variant(tmp_path, source, ("return -torch.stack", "return torch.stack"))
    only = [option for item in ITEMS for option in ("--only", item)]
    command = [sys.executable, "-m", "autograder", "grade", "ift6135_a3", str(folder), "--json", *only]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    found = {test["extra_data"]["item"]: test["score"] for test in json.loads(run.stdout)["tests"]}
    assert {item: found[item] for item in ITEMS} == {FORWARD: 2, COSINE: 2, LOSS: 0}, run.stderr
