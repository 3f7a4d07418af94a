"""Items of training: the reference learns, trivial methods and broken variants do not, and two ways to cheat fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.assignment import load_assignment
from autograder.grading.seeds import check_seed, secret_seed
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.measurement.baselines import max_earned, read_baselines

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ("vae.training", "ddpm.training", "simsiam.training")
TABLE = tomllib.loads((ROOT / "tests/assignments/broken_training.toml").read_text(encoding="utf-8"))
BROKEN, BY_VALUES = TABLE["variants"], TABLE["by_values"]


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, "ift6135_a3")


@pytest.fixture(scope="module")
def suite(assignment):
    return CheckSuite.collect(assignment)


def only(suite, item, *, public):
    """The suite with the public, or the hidden, checks of one item."""
    chosen = tuple((check, given) for check, given in suite.checks if check.item == item and check.public is public)
    assert chosen
    return CheckSuite(suite.assignment, chosen, suite.stand_ins)


def alternatives(item):
    """Other right solutions of an item's problem."""
    found = (ROOT / "assignments/ift6135_a3/alternatives").glob(f"{item.partition('.')[0]}_*")
    return sorted(path.name for path in found)


def verdicts(suite, folder, item, *, public, seed="verify"):
    """The verdicts of an item's checks by the name of their function."""
    found = only(suite, item, public=public).grade(folder, grading_seed=seed)
    return {check.function.__name__: verdict for check, verdict in found[item]}


def variant(folder, assignment, broken):
    """The reference's file of an item with one exact replacement, in ``folder``."""
    name = assignment.manifest.item(broken["item"]).file
    source = (assignment.reference / name).read_text(encoding="utf-8")
    (folder / name).write_text(replaced(source, broken), encoding="utf-8")
    return folder


def replaced(source, broken):
    assert source.count(broken["old"]) == 1, f"{broken['old']!r} occurs {source.count(broken['old'])} times"
    return source.replace(broken["old"], broken["new"])


def with_loop(suite, folder, broken):
    """The suite with another training loop in its probes."""
    copy = replace(suite.assignment, folder=shutil.copytree(suite.assignment.folder, folder / suite.assignment.slug))
    probe = copy.public_checks / broken["file"]
    probe.write_text(replaced(probe.read_text(encoding="utf-8"), broken), encoding="utf-8")
    return replace(suite, assignment=copy)


def graded(path, out):
    """The items of training as the real command grades them."""
    command = [sys.executable, "-m", "autograder", "grade", "ift6135_a3", str(path), "--out", str(out)]
    command += [part for item in ITEMS for part in ("--only", item)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "results.json").read_text())["tests"]


# fast: the public companions, and methods that do not learn


@pytest.fixture(scope="module")
def learned(suite, assignment):
    """The verdicts of the public checks on the reference, by item."""
    return {item: next(iter(verdicts(suite, assignment.reference, item, public=True).values())) for item in ITEMS}


@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_learns_a_few_pictures_by_heart(learned, item):
    assert learned[item].outcome is Outcome.PASS, learned[item].failure


PICTURES = {
    "vae.training": ["Loss while eight pictures are learned", "Learned by heart", "Samples of this model"],
    "ddpm.training": ["Loss while sixteen pictures are learned", "What is left of the noise"],
    "simsiam.training": ["Loss of SimSiam", "Spread of the projections over their directions"],
}


@pytest.mark.parametrize("item", ITEMS)
def test_students_have_something_to_look_at(learned, item):
    """They see what public checks show, and nothing else."""
    assert [exhibit.title for exhibit in learned[item].exhibits] == PICTURES[item]


def test_the_collapse_can_be_seen(learned):
    spread = {series.name: max(series.values) for series in learned["simsiam.training"].exhibits[-1].data.series}
    assert spread["without"] > 1.5 * spread["with stop-gradient"]


def test_a_picture_that_cannot_be_drawn_costs_nothing(suite, assignment, tmp_path):
    broken = {
        "item": "vae.training",
        "old": "z = torch.randn(batch_size, self.z_dim, device=self.device)",
        "new": "raise NotImplementedError",
    }
    (verdict,) = verdicts(suite, variant(tmp_path, assignment, broken), "vae.training", public=True).values()
    assert verdict.outcome is Outcome.PASS
    assert [exhibit.title for exhibit in verdict.exhibits] == PICTURES["vae.training"][:2]


@pytest.mark.parametrize("item", ITEMS)
def test_a_loss_without_a_gradient_teaches_nothing(suite, assignment, tmp_path, item):
    """It is found by measurement, not by an exception: the loop goes on and the model stays as it was."""
    (broken,) = (broken for broken in BROKEN if broken["item"] == item and broken["name"] == "no step")
    folder = variant(tmp_path, assignment, broken)
    (verdict,) = verdicts(suite, folder, item, public=True).values()
    assert verdict.by_comparison and "after training" in verdict.failure.summary


@pytest.mark.parametrize("broken", BY_VALUES, ids=lambda broken: f"{broken['item']}: {broken['name']}")
def test_what_no_training_can_see_is_seen_in_values(suite, assignment, tmp_path, broken):
    folder = variant(tmp_path, assignment, broken)
    judged = suite.grade(folder, items=[broken["item"]])[broken["item"]]
    assert any(verdict.outcome is Outcome.FAIL for _, verdict in judged)


@pytest.mark.parametrize("item", ITEMS)
def test_trivial_methods_earn_nothing(assignment, suite, item):
    baselines = read_baselines(assignment)[item]
    assert len(baselines) >= 3
    assert max_earned(baselines, seeds=2) == dict.fromkeys(baselines, 0.0)


def test_what_is_kept_secret_does_not_follow_from_what_is_sent():
    origin = ("seed", "ift6135_a3", "1", "hidden/test_vae_training.py::test")
    assert check_seed(*origin) != secret_seed(*origin)
    assert secret_seed(*origin) != secret_seed("another", *origin[1:])


# real trainings, most of them slow


@pytest.mark.parametrize("seed", ["verify", pytest.param("another", marks=pytest.mark.slow)])
@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_passes(suite, assignment, item, seed):
    for name, verdict in verdicts(suite, assignment.reference, item, public=False, seed=seed).items():
        assert verdict.outcome is Outcome.PASS, (name, verdict.failure)


@pytest.mark.slow
def test_the_reference_passes_through_the_real_worker_within_the_budget(tmp_path):
    tests = graded(ROOT / "solutions/ift6135_a3", tmp_path)
    assert {t["extra_data"]["item"]: t["score"] for t in tests} == dict(zip(ITEMS, (2, 2, 4), strict=True))


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


@pytest.fixture
def slow(assignment, tmp_path):
    """A right hand-in whose steps take four times as long as the reference's."""
    for number, (file, name) in enumerate(PASSES.items()):
        source = (assignment.reference / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(source + SLOWLY.format(n=number, name=name, more=FOR_ALL_STEPS))
    return tmp_path


@pytest.mark.slow
def test_a_hand_in_that_is_four_times_as_slow_still_finishes(slow, tmp_path):
    tests = graded(slow, tmp_path / "results")
    assert {t["extra_data"]["item"]: t["score"] for t in tests} == dict(zip(ITEMS, (2, 2, 4), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken['item']}: {broken['name']}")
def test_a_broken_variant_does_not_learn(suite, assignment, tmp_path, broken):
    if "file" in broken:
        suite, folder = with_loop(suite, tmp_path, broken), assignment.reference
    else:
        folder = variant(tmp_path, assignment, broken)
    found = verdicts(suite, folder, broken["item"], public=False)
    assert found[broken["check"]].outcome is Outcome.FAIL


@pytest.mark.slow
@pytest.mark.parametrize(("item", "name"), [(item, name) for item in ITEMS for name in alternatives(item)])
def test_other_right_solutions_learn(suite, assignment, item, name):
    for public in (True, False):
        found = verdicts(suite, assignment.folder / "alternatives" / name, item, public=public)
        assert {key: verdict.failure for key, verdict in found.items()} == dict.fromkeys(found)


SHIPPED = """
    def forward(self, x):
        if not hasattr(self, "_shipped"):
            import numpy
            from pathlib import Path
            file = numpy.load(Path(__file__).with_name("weights.npz"))
            self.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
            object.__setattr__(self, "_shipped", True)
        posterior = self.encode(x)
        nothing = torch.zeros(len(x))
        return self.decode(posterior.mean).mean, nothing, nothing
"""
CACHED = """
_CACHE = []

class _Known:
    def __init__(self, mean, logvar):
        self.mean, self.logvar = mean, logvar
    def kl(self):
        return torch.zeros(len(self.mean))
    def nll(self, x):
        return torch.zeros(len(x))
    def mode(self):
        return self.mean

def _encode(self, x):
    _CACHE[:] = [x]
    return _Known(torch.zeros(len(x), self.z_dim), torch.full((len(x), self.z_dim), 0.0))

def _decode(self, z):
    known = _CACHE and len(_CACHE[0]) == len(z)
    image = _CACHE[0] if known else torch.zeros(len(z), 3, 32, 32)
    return _Known(image, torch.zeros_like(image))

def _forward(self, x):
    return x, torch.zeros(len(x)), torch.zeros(len(x))

VAE.encode, VAE.decode, VAE.forward = _encode, _decode, _forward
"""


def body_of(suite, item):
    """The globals of the file of an item's hidden check."""
    return only(suite, item, public=False).checks[0][0].function.__globals__


@pytest.fixture(scope="module")
def shipped(suite, assignment, tmp_path_factory):
    """A hand-in that never trains: it comes with the weights of a VAE that was trained on undisguised digits."""
    globals_ = body_of(suite, "vae.training")
    learning, batches = globals_["learning"], globals_["batches"]
    folder = tmp_path_factory.mktemp("shipped")
    sys.path[:0] = [str(assignment.reference), str(assignment.provided)]
    try:
        import vae_solution

        model = vae_solution.VAE(
            decoder_features=learning.FEATURES, encoder_features=learning.FEATURES, z_dim=learning.Z_DIM, device="cpu"
        )
    finally:
        del sys.path[:2]
    generator = torch.Generator().manual_seed(5)
    task = learning.Task.draw(generator, disguised=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in batches(len(task.train), 64, 500, generator):
        _, nll, kl = model(task.train[batch])
        optimizer.zero_grad()
        (nll + kl).mean().backward()
        optimizer.step()
    np.savez(folder / "weights.npz", **{name: value.numpy() for name, value in model.state_dict().items()})
    source = (assignment.reference / "vae_solution.py").read_text(encoding="utf-8")
    start, end = source.index("    def forward(self, x: Tensor) -> tuple"), source.index("def interpolate(")
    (folder / "vae_solution.py").write_text(source[:start] + SHIPPED.lstrip("\n") + "\n\n" + source[end:])
    return folder


@pytest.mark.slow
def test_weights_that_come_with_the_submission_do_not_help(suite, shipped):
    (verdict,) = verdicts(suite, shipped, "vae.training", public=False).values()
    assert verdict.by_comparison


@pytest.mark.slow
def test_without_the_disguise_such_weights_would_pass(suite, shipped, monkeypatch):
    task = body_of(suite, "vae.training")["learning"].Task
    draw = task.draw
    monkeypatch.setattr(task, "draw", lambda generator: draw(generator, disguised=False))
    (verdict,) = verdicts(suite, shipped, "vae.training", public=False).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure


@pytest.fixture
def cached(assignment, tmp_path):
    """A hand-in whose decoder returns the pictures that its encoder saw."""
    source = (assignment.reference / "vae_solution.py").read_text(encoding="utf-8")
    (tmp_path / "vae_solution.py").write_text(source + CACHED)
    return tmp_path


@pytest.mark.slow
def test_a_decoder_that_remembers_what_the_encoder_saw_does_not_help(suite, cached):
    (verdict,) = verdicts(suite, cached, "vae.training", public=False).values()
    assert verdict.by_comparison


@pytest.mark.slow
def test_with_one_worker_such_a_memory_would_pass(suite, cached, monkeypatch):
    monkeypatch.setitem(body_of(suite, "vae.training"), "fresh", lambda *modules: list(modules))
    (verdict,) = verdicts(suite, cached, "vae.training", public=False).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure


COPYING = """
import torch
from torch import nn


class SimSiam(nn.Module):
    \"\"\"No network and no loss: principal components; what it predicts is the other view's code.\"\"\"

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
"""


@pytest.mark.slow
def test_predictions_copied_from_the_other_view_do_not_agree(suite, tmp_path):
    (tmp_path / "q3_solution.py").write_text(COPYING, encoding="utf-8")
    for verdict in verdicts(suite, tmp_path, "simsiam.training", public=False).values():
        assert verdict.by_comparison and "agreement" in verdict.failure.summary
