"""Training in `nyu2271_a3`: right solutions learn, trivial methods and broken variants do not, and cheating fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder.assignment import load_assignment
from autograder.grading.running import Verdict
from autograder.mutants import read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.measurement.baselines import max_earned, read_baselines

ROOT = Path(__file__).resolve().parents[2]
ITEMS = ("vae.training", "diffusion.training")
ASSIGNMENT = load_assignment(ROOT, "nyu2271_a3")
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
BROKEN = tomllib.loads((ROOT / "tests/assignments/broken_training_nyu2271.toml").read_text(encoding="utf-8"))[
    "variants"
]
MUTANTS = [m for m in read_catalogue(ASSIGNMENT).mutants if ASSIGNMENT.manifest.item(m.item).training]


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def verdicts(
    suite: CheckSuite, folder: Path, item: str, *, public: bool, name: str = "", seed: str = "verify"
) -> dict[str, Verdict]:
    """The verdicts of an item's checks by the name of their function."""
    chosen = [(check, given) for check, given in suite.checks if check.item == item and check.public is public]
    kept = tuple(pair for pair in chosen if name in ("", pair[0].function.__name__))
    assert kept
    found = replace(suite, checks=kept).grade(folder, grading_seed=seed)
    return {check.function.__name__: verdict for check, verdict in found[item]}


def replaced(source: str, broken: dict[str, str]) -> str:
    assert source.count(broken["old"]) == 1, f"{broken['old']!r} occurs {source.count(broken['old'])} times"
    return source.replace(broken["old"], broken["new"])


def broken_suite(suite: CheckSuite, folder: Path, broken: dict[str, str]) -> tuple[CheckSuite, Path]:
    """The suite and the folder of a variant: another training loop in a probe, or another reference."""
    if "file" in broken:
        copy = replace(ASSIGNMENT, folder=shutil.copytree(ASSIGNMENT.folder, folder / ASSIGNMENT.slug))
        probe = copy.public_checks / broken["file"]
        probe.write_text(replaced(probe.read_text(encoding="utf-8"), broken), encoding="utf-8")
        return replace(suite, assignment=copy), REFERENCE
    name = ASSIGNMENT.manifest.item(broken["item"]).file
    assert name is not None
    (folder / name).write_text(replaced((REFERENCE / name).read_text(encoding="utf-8"), broken), encoding="utf-8")
    return suite, folder


# fast: the public companions, and methods that do not learn


@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_learns_a_few_pictures_by_heart(suite: CheckSuite, item: str) -> None:
    (verdict,) = verdicts(suite, REFERENCE, item, public=True).values()
    assert verdict.outcome is Outcome.PASS, verdict.failure
    assert verdict.exhibits


@pytest.mark.parametrize("item", ITEMS)
def test_without_steps_nothing_is_learned(suite: CheckSuite, tmp_path: Path, item: str) -> None:
    """It is found by measurement, not by an exception: the loop goes on and the model stays as it was."""
    (broken,) = (broken for broken in BROKEN if broken["item"] == item and broken["name"] == "no step")
    (verdict,) = verdicts(*broken_suite(suite, tmp_path, broken), item, public=True).values()
    assert verdict.by_comparison and "after training" in verdict.failure.summary


@pytest.mark.parametrize("item", ITEMS)
def test_trivial_methods_earn_nothing(item: str) -> None:
    baselines = read_baselines(ASSIGNMENT)[item]
    assert len(baselines) >= 3
    assert max_earned(baselines, seeds=2) == dict.fromkeys(baselines, 0.0)


def test_a_class_mean_is_recognised_and_yet_earns_nothing(suite: CheckSuite) -> None:
    """So a CVAE is asked for more than that: its latent variables must tell something of the picture."""
    task = body_of(suite)["learning"].Task.draw(torch.Generator().manual_seed(1))
    labels = torch.arange(10)
    assert task.recognised(task.class_means(), labels) == 1
    loss, recognised = task.conditional_criteria(task.loss_of_class_means(), 1.0)
    assert not loss.holds and recognised.holds
    assert (
        task.recognised(task.test, task.test_labels)
        > 0.9
        > 0.2
        > task.recognised(torch.rand_like(task.test), labels.repeat(36))
    )


# real trainings, most of them slow


@pytest.mark.parametrize("seed", ["verify", pytest.param("another", marks=pytest.mark.slow)])
@pytest.mark.parametrize("item", ITEMS)
def test_the_reference_passes(suite: CheckSuite, item: str, seed: str) -> None:
    for name, verdict in verdicts(suite, REFERENCE, item, public=False, seed=seed).items():
        assert verdict.outcome is Outcome.PASS, (name, verdict.failure)


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(ASSIGNMENT.folder.glob("alternatives/*/")), ids=lambda folder: folder.name)
def test_other_right_solutions_learn(suite: CheckSuite, folder: Path) -> None:
    item = f"{folder.name.partition('_')[0]}.training"
    for public in (True, False):
        for name, verdict in verdicts(suite, folder, item, public=public).items():
            assert verdict.outcome is Outcome.PASS, (name, verdict.failure)


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken['item']}: {broken['name']}")
def test_a_broken_variant_does_not_learn(suite: CheckSuite, tmp_path: Path, broken: dict[str, str]) -> None:
    where = broken_suite(suite, tmp_path, broken)
    (verdict,) = verdicts(*where, broken["item"], public=False, name=broken["check"]).values()
    assert verdict.outcome is Outcome.FAIL


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_training_sees_its_mutants(suite: CheckSuite, tmp_path: Path, mutant: Any) -> None:
    file, text = read_catalogue(ASSIGNMENT).source(mutant)
    (tmp_path / file).write_text(text, encoding="utf-8")
    judged = suite.grade(tmp_path, items=[mutant.item])[mutant.item]
    assert any(verdict.by_comparison for _, verdict in judged)


@pytest.mark.slow
def test_the_reference_passes_through_the_real_worker(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "autograder",
        "grade",
        "nyu2271_a3",
        "solutions/nyu2271_a3",
        "--out",
        str(tmp_path),
    ]
    command += [part for item in ITEMS for part in ("--only", item)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = json.loads((tmp_path / "results.json").read_text())["tests"]
    assert {t["extra_data"]["item"]: t["score"] for t in tests} == dict(zip(ITEMS, (10, 1), strict=True))


SHIPPED = """

class _Shipped(VAE):
    def forward(self, x):
        if not hasattr(self, "_loaded"):
            import numpy
            from pathlib import Path
            file = numpy.load(Path(__file__).with_name("weights.npz"))
            self.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
            object.__setattr__(self, "_loaded", True)
        x_hat, mu, logvar = super().forward(x)
        return x_hat.detach(), mu.detach(), logvar.detach()

VAE = _Shipped
"""
CACHED = """

_CACHE = []

class _Cached(VAE):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.decoder = _Remembering()

    def forward(self, x):
        _CACHE[:] = [x]
        return x.clamp(0.02, 0.98), torch.zeros(len(x), self.latent_size), torch.zeros(len(x), self.latent_size)

class _Remembering(nn.Module):
    def forward(self, z):
        known = _CACHE and len(_CACHE[0]) == len(z)
        return _CACHE[0].clamp(0.02, 0.98) if known else torch.full((len(z), 1, 28, 28), 0.5)

VAE = _Cached
"""


def body_of(suite: CheckSuite) -> dict[str, Any]:
    """The globals of the file of the VAE's hidden check."""
    (check,) = (check for check, _ in suite.checks if check.function.__name__ == "test_the_vae_learns")
    return check.function.__globals__  # type: ignore[no-any-return]


def verdict_on_the_vae(suite: CheckSuite, folder: Path) -> Verdict:
    (verdict,) = verdicts(suite, folder, "vae.training", public=False, name="test_the_vae_learns").values()
    return verdict


@pytest.fixture(scope="module")
def shipped(suite: CheckSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-in that never trains: it comes with the weights of a VAE that was trained on digits as they are."""
    globals_ = body_of(suite)
    learning, batches = globals_["learning"], globals_["batches"]
    folder = tmp_path_factory.mktemp("shipped")
    sys.path.insert(0, str(REFERENCE))
    try:
        import vae
    finally:
        sys.path.remove(str(REFERENCE))
        sys.modules.pop("vae", None)
    generator = torch.Generator().manual_seed(5)
    images = (learning.digits(28).images + 1) / 2
    model = vae.VAE(784, latent_size=learning.LATENT_SIZE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in batches(len(images), learning.BATCH, learning.STEPS, generator):
        x_hat, mu, logvar = model(images[batch])
        optimizer.zero_grad()
        vae.loss_function(x_hat, images[batch], mu, logvar).backward()
        optimizer.step()
    np.savez(folder / "weights.npz", **{name: value.numpy() for name, value in model.state_dict().items()})
    (folder / "vae.py").write_text((REFERENCE / "vae.py").read_text(encoding="utf-8") + SHIPPED)
    return folder


@pytest.mark.slow
def test_weights_that_come_with_the_submission_do_not_help(suite: CheckSuite, shipped: Path) -> None:
    assert verdict_on_the_vae(suite, shipped).by_comparison


@pytest.mark.slow
def test_without_the_mosaic_such_weights_would_pass(
    suite: CheckSuite, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiling = body_of(suite)["learning"].SecretTiling
    monkeypatch.setattr(
        tiling, "draw", lambda generator, *, tile, size: tiling(tile, torch.arange((size // tile) ** 2))
    )
    verdict = verdict_on_the_vae(suite, shipped)
    assert verdict.outcome is Outcome.PASS, verdict.failure


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """A hand-in whose decoder returns the pictures that its encoder saw."""
    (tmp_path / "vae.py").write_text((REFERENCE / "vae.py").read_text(encoding="utf-8") + CACHED)
    return tmp_path


@pytest.mark.slow
def test_a_decoder_that_remembers_what_the_encoder_saw_does_not_help(suite: CheckSuite, cached: Path) -> None:
    assert verdict_on_the_vae(suite, cached).by_comparison


@pytest.mark.slow
def test_with_one_worker_such_a_memory_would_pass(
    suite: CheckSuite, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(body_of(suite), "fresh", lambda *modules: list(modules))
    verdict = verdict_on_the_vae(suite, cached)
    assert verdict.outcome is Outcome.PASS, verdict.failure
