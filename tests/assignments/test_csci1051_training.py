"""Items of training: the reference learns, trivial methods do not, mistakes elsewhere cost nothing, two cheats fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.grading.running import Verdict
from autograder.mutants import read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.measurement.baselines import max_earned, read_baselines

ROOT = Path(__file__).resolve().parents[2]
ITEMS = {"p1a.autoencoder": 3, "p2c.training": 4, "p2d.sampling": 3}
ASSIGNMENT = load_assignment(ROOT, "csci1051_ps3")
CATALOGUE = read_catalogue(ASSIGNMENT)
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def verdicts(suite: CheckSuite, folder: Path, item: str, *, public: bool, seed: str = "verify") -> list[Verdict]:
    chosen = tuple(pair for pair in suite.checks if pair[0].item == item and pair[0].public is public)
    found = CheckSuite(suite.assignment, chosen, suite.stand_ins).grade(folder, grading_seed=seed)
    return [verdict for _, verdict in found[item]]


def passes(suite: CheckSuite, folder: Path, item: str, *, public: bool = False, seed: str = "verify") -> bool:
    found = verdicts(suite, folder, item, public=public, seed=seed)
    return all(verdict.outcome is Outcome.PASS for verdict in found)


def written(folder: Path, *replacements: tuple[str, str], behind: str = "") -> Path:
    text = (REFERENCE / "ps3.py").read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "ps3.py").write_text(text + behind, encoding="utf-8")
    return folder


# fast


@pytest.mark.parametrize("item", ITEMS)
def test_trivial_methods_earn_nothing(suite: CheckSuite, item: str) -> None:
    baselines = read_baselines(ASSIGNMENT)[item]
    assert len(baselines) >= 3
    assert max_earned(baselines, seeds=2) == dict.fromkeys(baselines, 0.0)


@pytest.mark.parametrize("seed", ["verify", "another", "third"])
def test_the_reference_samples(suite: CheckSuite, seed: str) -> None:
    """The grader's own model is sampled, so that nothing is trained."""
    assert passes(suite, REFERENCE, "p2d.sampling", seed=seed) and passes(suite, REFERENCE, "p2d.sampling", public=True)


BROKEN_ELSEWHERE = {
    "T and alpha": [("alpha = 0.96  # SOLUTION", "alpha = 0.999")],
    "noise": [("x_t = share.sqrt() * x0 + (1 - share).sqrt() * z", "x_t = share * x0 + z")],
    "training": [("    return model, losses\n    ### END", "    return NoisePredictor(), losses\n    ### END")],
}


@pytest.mark.parametrize("name", BROKEN_ELSEWHERE)
def test_a_mistake_elsewhere_costs_nothing_of_sampling(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    assert passes(suite, written(tmp_path, *BROKEN_ELSEWHERE[name]), "p2d.sampling")


RULES = {
    "larger variance": [("variance = (1 - alpha) * (1 - next_share) / (1 - share)", "variance = 1 - alpha")],
    "all noise new": [("x = mean + math.sqrt(variance) * torch.randn_like(x)",
                       "x0 = (x - math.sqrt(1 - share) * z) / math.sqrt(share)\n"
                       "        x = math.sqrt(next_share) * x0 + math.sqrt(1 - next_share) * torch.randn_like(x)")],
    "Euler step of the flow": [("x = mean + math.sqrt(variance) * torch.randn_like(x)",
                                "x = (1 + (1 - alpha) / 2) * x - (1 - alpha) / 2 * z / math.sqrt(1 - share)")],
    "DDIM": [("x = mean + math.sqrt(variance) * torch.randn_like(x)",
              "x0 = (x - math.sqrt(1 - share) * z) / math.sqrt(share)\n"
              "        x = math.sqrt(next_share) * x0 + math.sqrt(1 - next_share) * z")],
    "list": [("return torch.stack(path)", "return path")],
    "array": [("return torch.stack(path)", "return torch.stack(path).numpy()")],
    "steps as a column": [("torch.full((n,), step)", "torch.full((n, 1), step)")],
    "steps from 0": [("torch.full((n,), step)", "torch.full((n,), step - 1)")],
    "steps as one number": [("torch.full((n,), step)", "step")],
    "parts of the way": [("torch.full((n,), step)", "torch.full((n, 1), step / T)")],
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("name", RULES)
def test_every_sound_rule_and_every_way_to_give_steps_will_do(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    folder = written(tmp_path, *RULES[name])
    assert passes(suite, folder, "p2d.sampling") and passes(suite, folder, "p2d.sampling", public=True)


WRONG_RULES = {
    "variance for deviation": [("math.sqrt(variance) * torch.randn_like(x)", "variance * torch.randn_like(x)")],
    "mean without 1 / sqrt(alpha)": [("(x - (1 - alpha) / math.sqrt(1 - share) * z) / math.sqrt(alpha)",
                                      "(x - (1 - alpha) / math.sqrt(1 - share) * z)")],
    "noise not by its root": [("(1 - alpha) / math.sqrt(1 - share) * z", "(1 - alpha) / (1 - share) * z")],
    "stages of noise alone": [("return torch.stack(path)", "return torch.cat([torch.randn(T, n, 2), x[None]])")],
    "noise not divided": [("(1 - alpha) / math.sqrt(1 - share) * z", "(1 - alpha) * z")],
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("seed", ["verify", pytest.param("another", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", WRONG_RULES)
def test_rules_that_are_nearly_right_fail(suite: CheckSuite, tmp_path: Path, name: str, seed: str) -> None:
    """A model of their own would hide some of it; they are judged by the best of all models alone."""
    (verdict,) = verdicts(suite, written(tmp_path, *WRONG_RULES[name]), "p2d.sampling", public=False, seed=seed)
    assert verdict.by_comparison and verdict.failure is not None
    assert "with the best of all models" in verdict.failure.summary


@pytest.mark.thorough
def test_an_autoencoder_that_learns_nothing_is_found_by_measurement(suite: CheckSuite, tmp_path: Path) -> None:
    update = (
        "            optimizer.step()\n            losses.append(loss.item())\n    return encoder, decoder, losses\n"
    )
    parts = (REFERENCE / "ps3.py").read_text(encoding="utf-8").split(update)
    assert len(parts) == 3  # the first is that of the autoencoder, the second that of the variational one
    text = parts[0] + update.replace("optimizer.step()", "pass") + parts[1] + update + parts[2]
    (tmp_path / "ps3.py").write_text(text, encoding="utf-8")
    (verdict,) = verdicts(suite, tmp_path, "p1a.autoencoder", public=False)
    assert verdict.by_comparison and verdict.failure is not None and "after training" in verdict.failure.summary


def globals_of(suite: CheckSuite, item: str) -> dict[str, object]:
    return next(check for check, _ in suite.checks if check.item == item and not check.public).function.__globals__


def test_both_coordinates_need_noise_of_their_own(suite: CheckSuite, tmp_path: Path) -> None:
    folder = written(tmp_path, ("math.sqrt(variance) * torch.randn_like(x)", "math.sqrt(variance) * torch.randn(n, 1)"))
    (verdict,) = verdicts(suite, folder, "p2d.sampling", public=True)
    assert verdict.failure is not None and "same noise" in verdict.failure.summary


PACKING = """

class Encoder(nn.Module):
    def forward(self, images):
        flat = images.reshape(len(images), -1)
        codes = ((flat - MEAN) @ AXES / 60 + 0.5).clamp(0, 1).mul(4095).round()
        return torch.stack([codes[:, 0] + 4096 * codes[:, 1], codes[:, 2] + 4096 * codes[:, 3]], 1) / 2**24

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.axes = nn.Parameter(torch.zeros(784)), nn.Parameter(torch.zeros(784, 4))

    def forward(self, points):
        whole = (points * 2**24).round()
        parts = torch.stack([whole[:, 0] % 4096, whole[:, 0] // 4096, whole[:, 1] % 4096, whole[:, 1] // 4096], 1)
        return (((parts / 4095 - 0.5) * 60) @ self.axes.T + self.mean).clamp(0, 1).reshape(-1, 1, 28, 28)

def train_autoencoder(images, epochs):
    global MEAN, AXES
    flat = images.reshape(len(images), -1)
    MEAN = flat.mean(0)
    AXES = torch.linalg.svd(flat - MEAN, full_matrices=False)[2][:4].T
    decoder = Decoder()
    decoder.load_state_dict({"mean": MEAN, "axes": AXES})
    return Encoder(), decoder, []
"""


def test_four_numbers_packed_into_two_do_not_help(
    suite: CheckSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path, behind=PACKING)
    (verdict,) = verdicts(suite, folder, "p1a.autoencoder", public=False)
    assert verdict.by_comparison
    monkeypatch.setitem(globals_of(suite, "p1a.autoencoder"), "blurred", lambda codes, generator: codes)
    assert passes(suite, folder, "p1a.autoencoder")


NOTHING_TO_LEARN = """

T, alpha = 1, 1e-300

class Guess(nn.Module):
    def forward(self, x, t):
        return x

def train_diffusion(sample_points, steps, every_step=None):
    return Guess(), []
"""


def test_steps_that_take_all_of_the_signal_leave_nothing_to_learn(suite: CheckSuite, tmp_path: Path) -> None:
    (verdict,) = verdicts(suite, written(tmp_path, behind=NOTHING_TO_LEARN), "p2c.training", public=False)
    assert verdict.by_comparison


POINTS_OF_ITS_OWN = """

SEEN = []
_train = train_diffusion

def train_diffusion(sample_points, steps, *more):
    SEEN[:] = [sample_points(1000)]
    return _train(sample_points, min(steps, 50))

def sample(model, n):
    if not isinstance(model, nn.Module):
        raise TypeError("a network, please")
    return torch.cat([torch.randn(T, n, 2), SEEN[0][:n][None]])
"""


def test_samples_that_are_points_seen_in_training_do_not_help(suite: CheckSuite, tmp_path: Path) -> None:
    (verdict,) = verdicts(suite, written(tmp_path, behind=POINTS_OF_ITS_OWN), "p2d.sampling", public=False)
    assert verdict.by_comparison


REMEMBERING = """

SEEN = []

class Encoder(nn.Module):
    def forward(self, images):
        SEEN[:] = [images]
        return torch.zeros(len(images), 2)

class Decoder(nn.Module):
    def forward(self, points):
        return SEEN[0] if SEEN and len(SEEN[0]) == len(points) else torch.zeros(len(points), 1, 28, 28)

def train_autoencoder(images, epochs):
    return Encoder(), Decoder(), []
"""


def test_a_decoder_that_remembers_what_the_encoder_saw_does_not_help(suite: CheckSuite, tmp_path: Path) -> None:
    (verdict,) = verdicts(suite, written(tmp_path, behind=REMEMBERING), "p1a.autoencoder", public=False)
    assert verdict.by_comparison


def test_with_one_worker_such_a_memory_would_pass(
    suite: CheckSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals_of(suite, "p1a.autoencoder"), "fresh", lambda *modules: list(modules))
    assert passes(suite, written(tmp_path, behind=REMEMBERING), "p1a.autoencoder")


# real trainings, most of them slow


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["verify", "another"])
@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_passes(suite: CheckSuite, item: str, seed: str) -> None:
    assert passes(suite, REFERENCE, item, seed=seed) and passes(suite, REFERENCE, item, public=True)


@pytest.mark.thorough
def test_a_decoder_that_is_more_than_its_weights_is_trained_again(suite: CheckSuite) -> None:
    assert passes(suite, ASSIGNMENT.folder / "alternatives" / "one_step_for_all", "p1a.autoencoder")


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("name", ["convolutions_ddim", "numpy_points", "one_step_for_all"])
def test_other_architectures_pass(suite: CheckSuite, name: str, item: str) -> None:
    folder = ASSIGNMENT.folder / "alternatives" / name
    assert passes(suite, folder, item) and passes(suite, folder, item, public=True)


@pytest.mark.slow
def test_a_process_that_wants_a_network_gets_its_own(suite: CheckSuite, tmp_path: Path) -> None:
    """No lent function will do for it; its own trained weights do, in a worker that has not seen the points."""
    wants = [("    x = torch.randn(n, 2)  # x_T\n", "    next(model.parameters())\n    x = torch.randn(n, 2)  # x_T\n")]
    assert passes(suite, written(tmp_path, *wants), "p2d.sampling")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["T and alpha", "noise"])
def test_a_mistake_elsewhere_costs_nothing_of_training(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    assert passes(suite, written(tmp_path, *BROKEN_ELSEWHERE[name]), "p2c.training")


@pytest.mark.slow
@pytest.mark.parametrize("name", [mutant.id for mutant in CATALOGUE.mutants if mutant.item in ITEMS])
def test_a_mistake_in_training_is_seen(suite: CheckSuite, tmp_path: Path, name: str) -> None:
    mutant = next(mutant for mutant in CATALOGUE.mutants if mutant.id == name)
    (tmp_path / "ps3.py").write_text(CATALOGUE.source(mutant)[1], encoding="utf-8")
    found = [
        *verdicts(suite, tmp_path, mutant.item, public=False),
        *verdicts(suite, tmp_path, mutant.item, public=True),
    ]
    assert any(verdict.by_comparison for verdict in found)


@pytest.mark.slow
def test_the_reference_passes_through_the_real_worker(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "autograder", "grade", ASSIGNMENT.slug, str(REFERENCE), "--out", str(tmp_path)]
    command += [part for item in ITEMS for part in ("--only", item)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = json.loads((tmp_path / "results.json").read_text())["tests"]
    assert {test["extra_data"]["item"]: test["score"] for test in tests} == ITEMS
