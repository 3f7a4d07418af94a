"""Items of training: the reference learns, trivial methods and broken variants do not, and two ways to cheat fail."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.assignment import load_assignment
from autograder.grading.seeds import check_seed, secret_seed
from autograder.results import Outcome
from autograder.verify.baselines import read_baselines
from autograder.verify.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ("vae.training", "ddpm.training", "simsiam.training")
BROKEN = tomllib.loads((ROOT / "tests/assignments/broken_training.toml").read_text(encoding="utf-8"))["variants"]
FILES = {"vae.training": "vae_solution.py", "ddpm.training": "ddpm_solution.py", "simsiam.training": "q3_solution.py"}


@pytest.fixture(scope="module", autouse=True)
def _single_threaded():
    """A second thread here would keep processes from being forked later."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def verdicts(suite, folder, item, *, public, seed="verify"):
    """The verdicts of an item's checks by the name of their function."""
    found = only(suite, item, public=public).judge(folder, grading_seed=seed)
    return {check.function.__name__: verdict for check, verdict in found[item]}


def variant(folder, assignment, item, *replacements):
    """The reference's file of an item with exact replacements, in ``folder``."""
    source = (assignment.reference / FILES[item]).read_text(encoding="utf-8")
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    (folder / FILES[item]).write_text(source, encoding="utf-8")
    return folder


# fast: the public companions, and methods that do not learn


@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_learns_a_few_pictures_by_heart(suite, assignment, item):
    (verdict,) = verdicts(suite, assignment.reference, item, public=True).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure


@pytest.mark.parametrize("item", ITEMS)
def test_a_loss_without_a_gradient_teaches_nothing(suite, assignment, tmp_path, item):
    """It is found by measurement, not by an exception: the loop goes on and the model stays as it was."""
    (broken,) = (broken for broken in BROKEN if broken["item"] == item and broken["name"] == "no step")
    folder = variant(tmp_path, assignment, item, (broken["old"], broken["new"]))
    (verdict,) = verdicts(suite, folder, item, public=True).values()
    assert verdict.by_comparison and "after training" in verdict.failure.summary


@pytest.mark.parametrize("item", ITEMS)
def test_trivial_methods_earn_nothing(assignment, suite, item):
    baselines = read_baselines(assignment)[item]
    assert len(baselines) >= 3
    assert {name: score() for name, score in baselines.items()} == dict.fromkeys(baselines, 0.0)


def test_what_is_kept_secret_does_not_follow_from_what_is_sent():
    origin = ("seed", "ift6135_a3", "1", "hidden/test_vae_training.py::test")
    assert check_seed(*origin) != secret_seed(*origin)
    assert secret_seed(*origin) != secret_seed("another", *origin[1:])


# slow: real trainings


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["verify", "another"])
@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_passes(suite, assignment, item, seed):
    for name, verdict in verdicts(suite, assignment.reference, item, public=False, seed=seed).items():
        assert verdict.outcome is Outcome.PASS, (name, verdict.failure)


@pytest.mark.slow
def test_the_reference_passes_through_the_real_worker_within_the_budget(tmp_path):
    command = [
        sys.executable,
        "-m",
        "autograder",
        "grade",
        "ift6135_a3",
        "solutions/ift6135_a3",
        "--out",
        str(tmp_path),
    ]
    command += [part for item in ITEMS for part in ("--only", item)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = json.loads((tmp_path / "results.json").read_text())["tests"]
    assert {t["extra_data"]["item"]: t["score"] for t in tests} == dict(zip(ITEMS, (2, 2, 4), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken['item']}: {broken['name']}")
def test_a_broken_variant_does_not_learn(suite, assignment, tmp_path, broken):
    item = broken["item"]
    found = verdicts(suite, variant(tmp_path, assignment, item, (broken["old"], broken["new"])), item, public=False)
    assert found[broken["check"]].outcome is Outcome.FAIL


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
