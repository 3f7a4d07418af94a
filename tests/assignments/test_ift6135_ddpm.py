"""The checks of the DDPM: right for every right solution, wrong for every wrong one, and for its own item only."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.mutants import apply, read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assignments/ift6135_a3"
FULL = {
    "ddpm.coefficients": 4,
    "ddpm.q_sample": 4,
    "ddpm.p_sample": 4,
    "ddpm.p_sample_loop": 2,
    "ddpm.p_losses": 4,
    "ddpm.t_sample": 2,
}
COEFFICIENTS, Q_SAMPLE, P_SAMPLE, LOOP, P_LOSSES, T_SAMPLE = ITEMS = tuple(FULL)


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, "ift6135_a3")


@pytest.fixture(scope="module")
def suite(assignment):
    return CheckSuite.collect(assignment)


@pytest.fixture(scope="module")
def reference(assignment):
    """The reference down to its last graded function, without the U-Net: compiling is half of the time here."""
    source = (assignment.reference / "ddpm_solution.py").read_text(encoding="utf-8")
    graded, _, rest = source.partition("@torch.no_grad()\ndef reconstruct(")
    assert rest
    return graded.replace("from networks import Unet\n", "")


def points(suite, folder, items=ITEMS, **options):
    return {item: result.points for item, result in suite.score(folder, items=items, **options).items()}


def variant(folder, source, *replacements):
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    (folder / "ddpm_solution.py").write_text(source, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["reference", *sorted(path.name for path in (FOLDER / "alternatives").glob("ddpm_*"))])
def test_right_solutions_pass_without_stand_ins_too(suite, assignment, name):
    folder = assignment.reference if name == "reference" else assignment.folder / "alternatives" / name
    assert points(CheckSuite(assignment, suite.checks, {}), folder) == FULL


# Wrong variants: of the catalogue, and others

MUTANTS = {
    mutant.id: mutant for mutant in read_catalogue(load_assignment(ROOT, "ift6135_a3")).mutants if mutant.item in FULL
}


def mutated(folder, source, *names):
    """The reference with the bugs of some mutants in it."""
    for name in names:
        source = apply(MUTANTS[name].replacements, source, where=name)
    return variant(folder, source)


VARIANCE = "betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)  # SOLUTION"
NO_NORMAL_NOISE = "(12**0.5 * (torch.rand_like({0}) - 0.5))"
NOT_MADE = {
    "a_table_in_half_precision": (COEFFICIENTS, VARIANCE, f"({VARIANCE.partition('  #')[0]}).half()"),
    "a_table_without_its_first_factor": (
        COEFFICIENTS,
        "torch.cumprod(alphas, dim=0)",
        "torch.cumprod(alphas, dim=0) / alphas[0]",
    ),
    "a_step_whose_noise_has_two_right_moments_only": (
        P_SAMPLE,
        "torch.randn_like(x)",
        NO_NORMAL_NOISE.format("x"),
    ),
    "a_chain_from_noise_of_two_right_moments_only": (
        LOOP,
        "torch.randn(tuple(shape), device=device_of(model))",
        NO_NORMAL_NOISE.format("torch.empty(tuple(shape))"),
    ),
}
"""Bugs that nobody makes, and that no mutant of the catalogue stands for."""


@pytest.mark.parametrize("name", NOT_MADE)
def test_checks_see_more_than_the_mistakes_of_the_catalogue(suite, reference, tmp_path, name):
    item, old, new = NOT_MADE[name]
    assert points(suite, variant(tmp_path, reference, (old, new)), [item])[item] < FULL[item]


@pytest.mark.parametrize(
    ("name", "coefficient"),
    [
        ("betas-end-ten-times-too-large", "betas"),
        ("alphas-cumulative", "alphas"),
        ("alphas-cumprod-of-betas", "alphas_cumprod"),
        ("alphas-cumprod-prev-not-shifted", "alphas_cumprod_prev"),
    ],
)
def test_one_wrong_coefficient_costs_its_part(suite, reference, tmp_path, name, coefficient):
    found = suite.score(mutated(tmp_path, reference, name), items=[COEFFICIENTS])[COEFFICIENTS]
    wrong = {check.id.rpartition("::")[2] for check in found.checks if check.outcome is Outcome.FAIL}
    assert wrong == {f"test_coefficients[{name}]" for name in ("stored_entries", coefficient)}
    assert found.points > 3


NAMES = """
betas alphas sqrt_recip_alphas alphas_cumprod sqrt_alphas_cumprod sqrt_one_minus_alphas_cumprod alphas_cumprod_prev
posterior_variance
"""
ZEROS = {
    "q_sample": "torch.zeros_like(args[0])",
    "p_sample": "torch.zeros_like(args[1])",
    "p_sample_loop": "torch.zeros(args[2], *args[1])",
    "p_losses": "torch.zeros((), requires_grad=True)",
    "t_sample": "torch.zeros(args[1], dtype=torch.long)",
}
FIRST = {**dict.fromkeys(ZEROS, "args[0]"), "p_sample": "args[1]", "p_losses": "args[1]"}


@pytest.mark.parametrize("kind", ["none", "zeros", "first_input"])
def test_trivial_stubs_fail_every_check(suite, reference, tmp_path, kind):
    value = {"none": "None", "zeros": "torch.zeros(T)", "first_input": "..."}[kind]
    stubs = [f"{name} = {value}" for name in NAMES.split()]
    answers = {"none": dict.fromkeys(ZEROS, "None"), "zeros": ZEROS, "first_input": FIRST}[kind]
    stubs += [f"def {name}(*args, **kwargs):\n    return {answer}" for name, answer in answers.items()]
    folder = variant(tmp_path, reference + "\n" + "\n".join(stubs) + "\n")
    for item, result in suite.score(folder, items=ITEMS).items():
        assert {check.outcome for check in result.checks} == {Outcome.FAIL}, item
        assert result.points == 0


def test_messages_say_what_is_wrong(suite, reference, tmp_path):
    def summary(name):
        item = MUTANTS[name].item
        checks = suite.score(mutated(tmp_path, reference, name), items=[item])[item].checks
        return " | ".join(check.failure.summary for check in checks if check.failure and check.public)

    assert "`sqrt_alphas_cumprod` at the indices 0, 1, 2, 250, 500, 999 is wrong" in summary(
        "sqrt-alphas-cumprod-without-root"
    )
    assert "the image's share (noise of zeros) is wrong" in summary("q-sample-image-not-scaled")
    assert "all rows have the same noise" in summary("q-sample-one-noise-for-the-batch")
    assert "must ask the model about that time" in summary("p-sample-model-time-too-high")
    assert "is a list of 6 values" in summary("p-sample-loop-list")
    assert "the loss of a model that is off by -3 everywhere is wrong" in summary("p-losses-half-squared-error")
    assert "contains 10, outside 0..9" in summary("t-sample-one-too-many")


BETAS = "betas = linear_beta_schedule(beta_start=1e-4, beta_end=0.02, timesteps=T)  # SOLUTION\n"


def test_a_blank_coefficient_is_called_blank(suite, reference, tmp_path):
    folder = variant(tmp_path, reference, (BETAS, "betas = ...\n"))
    result = suite.score(folder, items=[COEFFICIENTS])[COEFFICIENTS]
    assert "`betas` is still `...`" in next(c.failure.summary for c in result.checks if c.public)


# The real command: the jailed worker, and what its courtesies are for


def jailed_points(folder):
    only = [word for item in ITEMS for word in ("--only", item)]
    command = [sys.executable, "-m", "autograder", "grade", "ift6135_a3", str(folder), "--json", *only]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return {test["extra_data"]["item"]: test["score"] for test in json.loads(run.stdout)["tests"]}


@pytest.mark.thorough
def test_a_hand_in_for_a_gpu_passes_in_the_jailed_worker(assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "ddpm_original_starter" / "ddpm_solution.py").read_text("utf-8")
    gpu = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    betas = "betas = linear_beta_schedule(0.0001, 0.02, T)\n"
    folder = variant(tmp_path, source, (gpu, 'torch.device("cuda:0")'), (betas, betas.replace("T)", "T).to(device)")))
    assert jailed_points(folder) == FULL


@pytest.mark.thorough
def test_wrong_variants_get_the_same_points_in_the_jailed_worker(suite, reference, tmp_path):
    names = "alphas-cumprod-prev-not-shifted q-sample-first-time-for-all p-sample-mean-clamped p-sample-loop-from-zeros"
    names += " p-losses-squared-error t-sample-never-last"
    folder = mutated(tmp_path, reference, *names.split())
    assert jailed_points(folder) == pytest.approx(points(suite, folder), abs=1e-4)  # the file has four decimals
