"""Items of training: right solutions learn; trivial methods, broken variants and two cheats do not."""

from __future__ import annotations

import base64
import io
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder.assignment import load_assignment
from autograder.grading.running import Verdict
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.measurement.baselines import max_earned, read_baselines

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ("p1.training", "p3.training", "p4.training", "p4.torus_latent")
ASSIGNMENT = load_assignment(ROOT, "mit6s978_ps1")
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
SOURCE = (REFERENCE / "pset1.py").read_text(encoding="utf-8")
BROKEN = tomllib.loads((ROOT / "tests/assignments/broken_training_mit6s978.toml").read_text(encoding="utf-8"))[
    "variants"
]
ALTERNATIVES = sorted(path.name for path in (ASSIGNMENT.folder / "alternatives").iterdir())


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def only(suite: CheckSuite, item: str, *, public: bool) -> CheckSuite:
    """The suite with the public, or the hidden, checks of one item."""
    chosen = tuple((check, given) for check, given in suite.checks if check.item == item and check.public is public)
    assert chosen
    return CheckSuite(suite.assignment, chosen, suite.stand_ins)


def verdicts(suite: CheckSuite, folder: Path, item: str, *, public: bool, seed: str = "verify") -> dict[str, Verdict]:
    """The verdicts of an item's checks by the name of their function."""
    found = only(suite, item, public=public).grade(folder, grading_seed=seed)
    return {check.function.__name__: verdict for check, verdict in found[item]}


def changed(folder: Path, old: str, new: str) -> Path:
    """The reference with an exact replacement, in ``folder``."""
    assert SOURCE.count(old) == 1, f"{old!r} occurs {SOURCE.count(old)} times"
    (folder / "pset1.py").write_text(SOURCE.replace(old, new), encoding="utf-8")
    return folder


# fast: the public companions, and methods that do not learn


@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_learns_a_little_by_heart(suite: CheckSuite, item: str) -> None:
    (verdict,) = verdicts(suite, REFERENCE, item, public=True).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure


@pytest.mark.parametrize("item", ITEMS)
def test_trivial_methods_earn_nothing(suite: CheckSuite, item: str) -> None:
    baselines = read_baselines(ASSIGNMENT)[item]
    assert len(baselines) >= 2
    assert max_earned(baselines, seeds=2) == dict.fromkeys(baselines, 0.0)


def test_a_model_without_a_gradient_is_found_by_measurement(suite: CheckSuite, tmp_path: Path) -> None:
    old = 'return {"imgs": self.decode(self.encode(x))}'
    changed(tmp_path, old, old.replace("encode(x))", "encode(x)).detach()"))
    (verdict,) = verdicts(suite, tmp_path, "p1.training", public=True).values()
    assert verdict.by_comparison and verdict.failure and "after training" in verdict.failure.summary


# real trainings, most of them slow


@pytest.mark.parametrize("seed", ["verify", pytest.param("another", marks=pytest.mark.slow)])
@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_passes(suite: CheckSuite, item: str, seed: str) -> None:
    for name, verdict in verdicts(suite, REFERENCE, item, public=False, seed=seed).items():
        assert verdict.outcome is Outcome.PASS, (name, verdict.failure)


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("name", ALTERNATIVES)
def test_other_right_solutions_pass(suite: CheckSuite, item: str, name: str) -> None:
    for public in (True, False):
        found = verdicts(suite, ASSIGNMENT.folder / "alternatives" / name, item, public=public)
        for check, verdict in found.items():
            assert verdict.outcome is Outcome.PASS, (check, verdict.failure)


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken['item']}: {broken['name']}")
def test_a_broken_variant_does_not_learn(suite: CheckSuite, tmp_path: Path, broken: dict[str, str]) -> None:
    found = verdicts(suite, changed(tmp_path, broken["old"], broken["new"]), broken["item"], public=False)
    assert found[broken["check"]].outcome is Outcome.FAIL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("torch.exp(0.5 * logvar) * noise", "torch.exp(logvar) * noise"),
        ("-0.5 * torch.sum(squares", "torch.sum(squares"),
    ],
    ids=["sampler", "density"],
)
def test_mistakes_of_other_items_cost_nothing(suite: CheckSuite, tmp_path: Path, old: str, new: str) -> None:
    for item in ("p3.training", "p4.training"):
        found = verdicts(suite, changed(tmp_path, old, new), item, public=False)
        assert {verdict.outcome for verdict in found.values()} == {Outcome.PASS}


# cheats

SHIPPED = """

_WEIGHTS = "{weights}"


class AE(AE):
    def __init__(self, input_dim, hidden_dims):
        super().__init__(input_dim, hidden_dims)
        import base64, io
        file = np.load(io.BytesIO(base64.b64decode(_WEIGHTS)))
        if input_dim == 784:
            self.load_state_dict({{name: torch.from_numpy(file[name]) for name in file.files}})
            self.requires_grad_(False)
"""
REMEMBERED = """

_SEEN = []


def _encode(self, x):
    _SEEN[:] = [x]
    return torch.zeros(len(x), 2)


def _decode(self, z):
    known = _SEEN and len(_SEEN[0]) == len(z)
    return _SEEN[0] if known else torch.zeros(len(z), 784)


AE.encode, AE.decode = _encode, _decode
"""


def body_of(suite: CheckSuite, item: str) -> dict[str, Any]:
    """The globals of the file of an item's hidden check."""
    return only(suite, item, public=False).checks[0][0].function.__globals__


@pytest.fixture(scope="module")
def shipped(suite: CheckSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-in that never trains: it comes with the weights of an autoencoder of undisguised digits."""
    names = body_of(suite, "p1.training")
    learning, batches = names["learning"], names["batches"]
    task = learning.Task.draw(torch.Generator().manual_seed(5), disguised=False)
    scope: dict[str, Any] = {"nn": torch.nn}
    start, end = SOURCE.index("class AE("), SOURCE.index("# %% [markdown]\n# ## The loss")
    exec("from itertools import pairwise\n" + SOURCE[start:end], scope)
    model = scope["AE"](784, learning.AE_WIDTHS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in batches(len(task.train), 256, 1500, torch.Generator().manual_seed(6)):
        optimizer.zero_grad()
        (model(task.train[batch])["imgs"] - task.train[batch]).square().mean().backward()
        optimizer.step()
    file = io.BytesIO()
    np.savez(file, **{name: value.numpy() for name, value in model.state_dict().items()})
    folder = tmp_path_factory.mktemp("shipped")
    extra = SHIPPED.format(weights=base64.b64encode(file.getvalue()).decode())
    (folder / "pset1.py").write_text(SOURCE + extra, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_weights_that_come_with_the_notebook_do_not_help(suite: CheckSuite, shipped: Path) -> None:
    (verdict,) = verdicts(suite, shipped, "p1.training", public=False).values()
    assert verdict.by_comparison


@pytest.mark.slow
def test_without_the_disguise_such_weights_would_pass(
    suite: CheckSuite, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = body_of(suite, "p1.training")["learning"].Task
    draw = task.draw
    monkeypatch.setattr(task, "draw", lambda generator: draw(generator, disguised=False))
    (verdict,) = verdicts(suite, shipped, "p1.training", public=False).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure


@pytest.mark.slow
def test_a_decoder_that_remembers_what_the_encoder_saw_does_not_help(suite: CheckSuite, tmp_path: Path) -> None:
    (tmp_path / "pset1.py").write_text(SOURCE + REMEMBERED, encoding="utf-8")
    (verdict,) = verdicts(suite, tmp_path, "p1.training", public=False).values()
    assert verdict.by_comparison


@pytest.mark.slow
def test_with_one_worker_such_a_memory_would_pass(
    suite: CheckSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pset1.py").write_text(SOURCE + REMEMBERED, encoding="utf-8")
    monkeypatch.setitem(body_of(suite, "p1.training"), "fresh", lambda *modules: list(modules))
    (verdict,) = verdicts(suite, tmp_path, "p1.training", public=False).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure
