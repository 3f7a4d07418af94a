"""The checks of `nyu2271_a3`: full marks for right solutions, none for stubs; each mistake costs its own item alone."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autograder.assignment import Assignment, load_assignment
from autograder.checks import Callback
from autograder.mutants import Catalogue, Mutant, read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from tests.templates import write_template

ROOT = Path(__file__).resolve().parents[2]
SLUG = "nyu2271_a3"
PART_A = ("vae.init", "vae.forward", "vae.reparametrize", "vae.loss", "cvae.init", "cvae.forward")
DIFFUSION = "schedule q_sample p_losses forward p_sample p_sample_loop sample forward_figure backward_figure"
PART_B = tuple(f"diffusion.{name}" for name in DIFFUSION.split())
ITEMS = {"vae.py": PART_A, "diffusion.py": PART_B}
FULL = dict(zip((*PART_A, *PART_B), (15, 15, 15, 20, 10, 15, 2, 2, 2, 2, 6, 2, 2, 5, 5), strict=True))
ALTERNATIVES = (
    "vae_original_starter",
    "vae_flat_pieces",
    "vae_distributions",
    "vae_convolutional",
    "diffusion_original_starter",
    "diffusion_plain_tensors",
    "diffusion_noise_form",
)


ASSIGNMENT: Assignment = load_assignment(ROOT, SLUG)
CATALOGUE: Catalogue = read_catalogue(ASSIGNMENT)
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
MUTANTS = {mutant.id: mutant for mutant in CATALOGUE.mutants if not ASSIGNMENT.manifest.item(mutant.item).training}
"""Training has a file of tests of its own."""


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def points(suite: CheckSuite, folder: Path, items: tuple[str, ...], seed: str = "verify") -> dict[str, float]:
    scored = suite.score(folder, items=items, grading_seed=seed)
    return {item: result.points for item, result in scored.items()}


def full(items: tuple[str, ...]) -> dict[str, int]:
    return {item: FULL[item] for item in items}


def written(mutant: Mutant, folder: Path) -> str:
    """Write the file with the bug; return its name."""
    file, text = CATALOGUE.source(mutant)
    (folder / file).write_text(text, encoding="utf-8")
    return file


# right solutions


def test_the_alternatives_cover_every_generation_of_the_interface() -> None:
    sources = {name: (ASSIGNMENT.folder / "alternatives" / name / "diffusion.py") for name in ALTERNATIVES[4:]}
    texts = {name: path.read_text(encoding="utf-8") for name, path in sources.items()}
    for word in ("def noise_like", "def p_loss(", "def p_losses(", "noise=None", "register_buffer"):
        assert 0 < sum(word in text for text in texts.values()) < len(texts), word
    assert any("next(self.model.parameters()).device" in text for text in texts.values())
    assert any(re.search(r"^device = .*cuda", text, re.MULTILINE) for text in texts.values())


@pytest.mark.parametrize("name", ["p_losses", "p_loss"])
def test_mistakes_before_the_loss_cost_nothing_of_forward_whatever_it_is_called(
    suite: CheckSuite, tmp_path: Path, name: str
) -> None:
    text = (REFERENCE / "diffusion.py").read_text(encoding="utf-8")
    head, begin, rest = text.partition("    def q_sample(")
    definition, line, body = rest.partition("        ### BEGIN SOLUTION\n")
    broken = head + begin + definition + "        raise IndexError\n" + line + body
    (tmp_path / "diffusion.py").write_text(broken.replace("p_losses", name), encoding="utf-8")
    items = ("diffusion.q_sample", "diffusion.forward")
    assert points(suite, tmp_path, items) == {items[0]: 0, items[1]: FULL[items[1]]}


def test_stand_ins_refuse_a_number_of_steps_that_would_fill_the_memory(suite: CheckSuite) -> None:
    """The submission picks the number, and the tables are made on the trusted side."""
    schedule, q_sample = (
        suite.stand_ins["diffusion.p_losses"][f"diffusion.{name}"] for name in ("cosine_schedule", "Diffusion.q_sample")
    )
    assert isinstance(schedule, Callback) and isinstance(q_sample, Callback)
    images = torch.zeros(1, 1, 2, 2), torch.zeros(1, dtype=torch.int64), torch.ones(1, 1, 2, 2)
    assert len(schedule.function(1000)) == 1000 and q_sample.function(1000, *images).shape == (1, 1, 2, 2)
    for many in (200_000, 10**15, math.inf, math.nan):
        with pytest.raises(TypeError, match="at most 100000 timesteps"):
            schedule.function(many)
        with pytest.raises(TypeError, match="at most 100000 timesteps"):
            q_sample.function(many, *images)
    tables = q_sample.function.__globals__["tables"]
    for timesteps in range(2, 40):
        q_sample.function(timesteps, *images)
    assert tables.cache_info().currsize <= 8


# wrong variants


def test_a_missing_last_clamp_is_right_after_all(suite: CheckSuite, tmp_path: Path) -> None:
    """The last step returns an estimate that is clamped already."""
    source = (REFERENCE / "diffusion.py").read_text(encoding="utf-8")
    assert source.count("unnormalize_to_zero_to_one(x).clamp(0, 1)") == 1
    text = source.replace("unnormalize_to_zero_to_one(x).clamp(0, 1)", "unnormalize_to_zero_to_one(x)")
    (tmp_path / "diffusion.py").write_text(text, encoding="utf-8")
    assert points(suite, tmp_path, ("diffusion.p_sample_loop",)) == full(("diffusion.p_sample_loop",))


BLIND = ("loss-kl-variance-squared", "loss-not-divided")


@pytest.mark.parametrize("name", BLIND)
def test_the_blind_spot_of_the_course_is_covered(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    """The course looks at one image with logvar = 0, where these two are right."""
    scope: dict[str, object] = {"__name__": "vae"}
    exec(compile(CATALOGUE.source(MUTANTS[name])[1], "vae.py", "exec"), scope)
    wrong = scope["loss_function"]
    exec(compile((REFERENCE / "vae.py").read_text(encoding="utf-8"), "vae.py", "exec"), scope)
    x_hat, x, mu = torch.rand(1, 1, 28, 28), torch.rand(1, 1, 28, 28), torch.randn(1, 15)
    arguments = (x_hat, x, mu, torch.zeros(1, 15))
    assert wrong(*arguments) == scope["loss_function"](*arguments)  # type: ignore[operator]
    written(MUTANTS[name], tmp_path)
    assert points(suite, tmp_path, ("vae.loss",))["vae.loss"] <= 0.25 * FULL["vae.loss"]


def test_one_misconception_costs_a_sensible_part(suite: CheckSuite, tmp_path: Path) -> None:
    def lost(name: str) -> float:
        item = MUTANTS[name].item
        written(MUTANTS[name], tmp_path)
        return FULL[item] - points(suite, tmp_path, (item,))[item]

    assert lost("p-sample-noise-in-the-last-step") == pytest.approx(6 * 2 / 5)
    assert lost("p-sample-variance-as-std") == pytest.approx(6 * 3 / 5)
    assert lost("loss-kl-sign") >= 15


# stubs

UNWRITTEN = re.compile(r"^( +)raise NotImplementedError\(\"([a-z_.]+) .*$", re.MULTILINE)
FIRST = {
    "vae.init": "pass",
    "vae.forward": "return x",
    "vae.reparametrize": "return mu",
    "vae.loss": "return x_hat",
    "cvae.init": "pass",
    "cvae.forward": "return x",
    "diffusion.schedule": "return timesteps",
    "diffusion.q_sample": "return x_0",
    "diffusion.p_losses": "return x_0",
    "diffusion.forward": "return x_0",
    "diffusion.p_sample": "return x",
    "diffusion.p_sample_loop": "return img",
    "diffusion.sample": "return batch_size",
}
ZEROS = {
    "vae.init": "self.encoder = self.mu_layer = self.logvar_layer = self.decoder = nn.Identity()",
    "vae.forward": "return torch.zeros_like(x), x.new_zeros(len(x), 37), x.new_zeros(len(x), 37)",
    "vae.reparametrize": "return torch.zeros_like(mu)",
    "vae.loss": "return torch.zeros((), requires_grad=True)",
    "cvae.init": "self.encoder = self.mu_layer = self.logvar_layer = self.decoder = nn.Identity()",
    "cvae.forward": "return torch.zeros_like(x), x.new_zeros(len(x), 37), x.new_zeros(len(x), 37)",
    "diffusion.schedule": "return torch.zeros(timesteps)",
    "diffusion.q_sample": "return torch.zeros_like(x_0)",
    "diffusion.p_losses": "return torch.zeros((), requires_grad=True)",
    "diffusion.forward": "return torch.zeros((), requires_grad=True)",
    "diffusion.p_sample": "return torch.zeros_like(x)",
    "diffusion.p_sample_loop": "return torch.zeros_like(img)",
    "diffusion.sample": "return torch.zeros(batch_size, self.channels, self.image_size, self.image_size)",
}
STUBS = {"none": dict.fromkeys(FIRST, "return None"), "zeros": ZEROS, "first_input": FIRST}


@pytest.mark.parametrize("kind", STUBS)
@pytest.mark.parametrize("file", ITEMS)
def test_trivial_stubs_fail_every_check(suite: CheckSuite, tmp_path: Path, kind: str, file: str) -> None:
    template = (ROOT / "student_templates" / SLUG / file).read_text(encoding="utf-8")

    def stub(match: re.Match[str]) -> str:
        in_constructor = template[: match.start()].rpartition("\n    def ")[2].startswith("__init__")
        return match[1] + ("pass" if in_constructor and file == "diffusion.py" else STUBS[kind][match[2]])

    (tmp_path / file).write_text(UNWRITTEN.sub(stub, template), encoding="utf-8")
    for item, result in suite.score(tmp_path, items=ITEMS[file]).items():
        assert [check.id for check in result.checks if check.outcome is not Outcome.FAIL] == [], item
        assert result.points == 0


def test_messages_say_what_is_wrong(suite: CheckSuite, tmp_path: Path) -> None:
    def summary(name: str) -> str:
        written(MUTANTS[name], tmp_path)
        checks = suite.score(tmp_path, items=[MUTANTS[name].item])[MUTANTS[name].item].checks
        return " | ".join(check.failure.summary for check in checks if check.failure and check.public)

    assert "a Sigmoid gives such values" in summary("vae-init-decoder-no-sigmoid")
    assert "they need weights of their own" in summary("vae-init-encoder-one-head")
    assert "is shared: all rows have the same noise" in summary("vae-forward-one-noise-for-all")
    assert "with respect to mu is wrong at every entry: it is 0 everywhere" in summary("reparametrize-without-gradient")
    assert "loss_function(x_hat, x, mu, logvar) is wrong" in summary("loss-not-divided")
    assert "nothing that the decoder makes of a code beside the class" in summary("cvae-forward-class-before-latent")
    assert "cosine_schedule(10, 0.008) at the indices 0, 1, 2," in summary("schedule-alpha-bar")
    assert "the image's share (noise of zeros) is wrong" in summary("q-sample-image-not-scaled")
    assert "gives the largest value 9 0 times" in summary("forward-never-last")
    assert "where the estimates of x_0 are 3 and -2" in summary("p-sample-start-not-clamped")
    assert "the result of p_sample_loop" in summary("loop-not-unnormalised")


# the real command: the jailed worker


def jailed(folder: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, "-m", "autograder", "grade", SLUG, str(folder), "--json", "--no-training", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def scores(results: dict[str, object]) -> dict[str, float]:
    found = {test["extra_data"]["item"]: test.get("score") for test in results["tests"]}  # type: ignore[attr-defined]
    return {item: found[item] for item in FULL}


@pytest.mark.thorough
def test_a_hand_in_for_a_gpu_gets_full_marks_in_the_jailed_worker(tmp_path: Path) -> None:
    for name, file in (("vae_distributions", "vae.py"), ("diffusion_plain_tensors", "diffusion.py")):
        source = (ASSIGNMENT.folder / "alternatives" / name / file).read_text(encoding="utf-8")
        forced = re.sub(r"^device = .*$", 'device = torch.device("cuda:0")', source, flags=re.MULTILINE)
        assert forced != source
        (tmp_path / file).write_text(forced, encoding="utf-8")
    assert scores(jailed(tmp_path)) == FULL


@pytest.mark.thorough
def test_the_template_gets_nothing_and_its_notebooks_are_not_run(tmp_path: Path) -> None:
    folder = write_template(SLUG, tmp_path / "hand-in")
    (folder / "unet.py").write_text("# changed\n", encoding="utf-8")
    results = jailed(folder)
    assert scores(results) == dict.fromkeys(FULL, 0)
    said = json.dumps(results)
    assert "unet.py: was changed; ours is used when grading" in said
    assert ".ipynb: " not in said and "no pictures in" not in said


def test_a_head_of_another_name_is_right(suite: CheckSuite, tmp_path: Path) -> None:
    source = (ASSIGNMENT.reference / "vae.py").read_text(encoding="utf-8")
    first, second = source.split("class CVAE")
    (tmp_path / "vae.py").write_text(first.replace("logvar_layer", "log_variance_layer") + "class CVAE" + second)
    found = suite.score(tmp_path, items=["vae.init", "vae.forward"])
    assert all(result.points == result.max_points for result in found.values())
