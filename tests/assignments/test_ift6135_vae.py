"""The checks of the VAE: right for every right solution, wrong for every wrong one, and for its own item only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.grading.grade import grade
from autograder.grading.options import Options
from autograder.mutants import read_catalogue
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
NAMES = "sample_gaussian kl nll mode encode decode sample log_likelihood forward interpolate"
ITEMS = tuple(f"vae.{name}" for name in NAMES.split())
SAMPLE_GAUSSIAN, KL, NLL, MODE, ENCODE, DECODE, SAMPLE, LOG_LIKELIHOOD, FORWARD, INTERPOLATE = ITEMS
FULL = dict(zip(ITEMS, (1, 2, 2, 1, 2, 2, 2, 4, 2, 2), strict=True))


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, "ift6135_a3")


@pytest.fixture(scope="module")
def suite(assignment):
    return CheckSuite.collect(assignment)


@pytest.fixture(scope="module")
def reference(assignment):
    return (assignment.reference / "vae_solution.py").read_text(encoding="utf-8")


def points(suite, folder, **options):
    return {item: result.points for item, result in suite.score(folder, items=ITEMS, **options).items()}


def variant(folder, source, *replacements):
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    (folder / "vae_solution.py").write_text(source, encoding="utf-8")
    return folder


# wrong variants: those of the catalogue

MUTANTS = {
    mutant.id: mutant for mutant in read_catalogue(load_assignment(ROOT, "ift6135_a3")).mutants if mutant.item in FULL
}


def mutated(catalogue, folder, name):
    """A folder with the reference as one mutant has it, and the item that the bug belongs to."""
    file, text = catalogue.source(MUTANTS[name])
    (folder / file).write_text(text, encoding="utf-8")
    return folder, MUTANTS[name].item


@pytest.fixture(scope="module")
def catalogue(assignment):
    return read_catalogue(assignment)


KL_MEAN, NLL_PRECISION = "self.mean.square() + torch", "torch.exp(-self.logvar)"
STEPS = "torch.linspace(0.0, 1.0, n_samples, dtype=z_1.dtype, device=z_1.device)[:, None]"
NOT_MADE = {
    "normal_in_its_first_two_moments_only": (
        SAMPLE_GAUSSIAN,
        "torch.randn_like(self.mean)",
        "(12**0.5 * (torch.rand_like(self.mean) - 0.5))",
    ),
    "kl_has_half_of_its_gradients": (KL, KL_MEAN, KL_MEAN.replace("mean.", "mean.detach().")),
    "nll_has_half_of_its_gradients": (NLL, NLL_PRECISION, NLL_PRECISION.replace("logvar", "logvar.detach()")),
    "steps_between_the_right_ends_uneven": (INTERPOLATE, STEPS, f"{STEPS}.square()"),
}
"""Bugs that nobody makes, and that no mutant of the catalogue stands for."""


@pytest.mark.parametrize("name", NOT_MADE)
def test_checks_see_more_than_the_mistakes_of_the_catalogue(suite, reference, tmp_path, name):
    item, old, new = NOT_MADE[name]
    assert suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item].points < FULL[item]


@pytest.mark.thorough
def test_one_misconception_costs_a_sensible_part(suite, catalogue, tmp_path):
    def lost(name):
        folder, item = mutated(catalogue, tmp_path, name)
        return FULL[item] - suite.score(folder, items=[item])[item].points

    assert lost("forward-detached-sample") == pytest.approx(1.5)
    assert lost("kl-without-half") == 2
    assert lost("kl-squeezed") == pytest.approx(0.4)
    assert lost("sample-squeezed") == pytest.approx(0.4)
    assert lost("log-likelihood-no-log-k") == 3.5
    assert lost("log-likelihood-mean-of-logs") == 3.5  # right for K = 1 alone


def test_a_network_that_cannot_be_replaced_is_still_judged(suite, assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "vae_split_networks" / "vae_solution.py").read_text("utf-8")
    for old, new in (
        ("(self.decoder(maps))", "(self.decoder(maps), 0 * self.decoder(maps) + 1)"),
        ("(self.decoder(maps))", "(self.decoder(maps[:1]).expand(len(z), -1, -1, -1))"),
        ("(self.decoder(maps))", "(self.decoder(maps).detach())"),
    ):
        assert suite.score(variant(tmp_path, source, (old, new)), items=[DECODE])[DECODE].points < 2


# stubs

REGION = re.compile(r"^( +)### BEGIN SOLUTION\n.*?^ +### END SOLUTION$", re.MULTILINE | re.DOTALL)
UNWRITTEN = "raise NotImplementedError"
FIRST_ARGUMENTS = ("self", "self", "sample", "self", "x", "z", "batch_size", "x", "x", "z_1")
STUBS = {
    "none": ["return None"] * 10,
    "zeros": [
        "return torch.zeros_like(self.mean)",
        "return self.mean.new_zeros(len(self.mean))",
        "return sample.new_zeros(len(sample))",
        "return torch.zeros_like(self.mean)",
        "return DiagonalGaussianDistribution(torch.zeros(len(x), self.z_dim))",
        "return DiagonalGaussianDistribution(torch.zeros(len(z), 3, 32, 32))",
        "return torch.zeros(batch_size, 3, 32, 32)",
        "return torch.zeros(len(x))",
        "return torch.zeros_like(x), torch.zeros(len(x)), torch.zeros(len(x))",
        "return torch.zeros(n_samples, 3, 32, 32)",
    ],
    "first_input": [f"return {name}" for name in FIRST_ARGUMENTS],
}


def with_stubs(folder, source, stubs):
    """The reference with the bodies of some items replaced; ``stubs`` maps items to statements."""
    bodies = iter(ITEMS)

    def body(match):
        stub = stubs.get(next(bodies))
        return match.group(0) if stub is None else match.group(1) + stub

    (folder / "vae_solution.py").write_text(REGION.sub(body, source), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_fails_every_check_by_itself(suite, reference, tmp_path, name):
    folder = with_stubs(tmp_path, reference, dict(zip(ITEMS, STUBS[name], strict=True)))
    for item, result in suite.score(folder, items=ITEMS).items():
        assert {check.outcome.value for check in result.checks} == {"FAIL"}, item
        assert result.points == 0


@pytest.mark.parametrize(
    "missing",
    [(SAMPLE_GAUSSIAN, NLL, ENCODE, SAMPLE, FORWARD), (KL, MODE, DECODE, LOG_LIKELIHOOD, INTERPOLATE), ITEMS[:6]],
    ids=["odd", "even", "all_that_others_build_on"],
)
def test_what_is_missing_costs_nothing_elsewhere(suite, reference, tmp_path, missing):
    folder = with_stubs(tmp_path, reference, dict.fromkeys(missing, UNWRITTEN))
    rest = [item for item in ITEMS if item not in missing]
    found = {item: result.points for item, result in suite.score(folder, items=rest).items()}
    assert found == {item: FULL[item] for item in rest}


# messages


@pytest.mark.thorough
def test_failures_say_what_is_wrong(suite, catalogue, tmp_path):
    def summaries(name):
        folder, item = mutated(catalogue, tmp_path, name)
        result = suite.score(folder, items=[item])[item]
        return " | ".join(check.failure.summary for check in result.checks if check.failure)

    assert "all rows have the same noise" in summaries("sample-gaussian-noise-shared-by-rows")
    assert "the noise of two calls of sample() is the same" in summaries("sample-gaussian-seeded")
    assert "kl() is wrong at every entry: it is 2 times what is expected" in summaries("kl-without-half")
    assert "the integral of exp(-nll(sample, dims), dims=1)" in summaries("nll-constant-left-out")
    assert "no gradient of nll(sample, dims), dims=1 reaches sample" in summaries("nll-detached")
    assert "encode(x) gives a tuple of 2 values" in summaries("encode-tuple")
    assert "no gradient of q(z|x) reaches x" in summaries("encode-detached")
    assert "is .mode() missing?" in summaries("interpolate-distribution")
    assert "no latent vector has these images" in summaries("interpolate-images")
    assert "exactly three tensors, mode, nll and kl, not a tuple of 4 values" in summaries("forward-four-values")
    assert "no gradient of the nll that forward returns reaches mean_bias" in summaries("forward-detached-sample")
    assert "the estimates of p(x) (not of its logarithm) are" in summaries("log-likelihood-mean-of-logs")


# hand-ins as they come

LIKE_REAL_ONES = """
!pip install einops
import wandb
from pathlib import Path
import torch
results_folder = Path("./results")
results_folder.mkdir(exist_ok=True)
torch.manual_seed(0)
"""


@pytest.mark.thorough
def test_a_hand_in_with_a_gpu_and_a_results_folder_is_graded_in_the_real_worker(assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "vae_original_starter" / "vae_solution.py").read_text("utf-8")
    device = 'torch.device("cuda:0" if torch.cuda.is_available() else "cpu")'
    assert source.count(device) == 1
    source = LIKE_REAL_ONES + source.replace(device, 'torch.device("cuda:0")')
    (tmp_path / "vae_solution.py").write_text(source, encoding="utf-8")
    result = grade(assignment, tmp_path, Options(only=frozenset(ITEMS)))
    assert {item.id: item.points for item in result.items} == FULL
