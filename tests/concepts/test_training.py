"""Training as a concept: the grader's loop is needed, and shipped weights and memories do not help."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autograder.assignment import load_concept
from autograder.checks import Digits, Training, batches
from autograder.checks.authoring import contracts
from autograder.checks.training.pixel_transform import PixelTransform
from autograder.concepts.vae_training import vae_training
from autograder.grading.running import Verdict
from autograder.results import Outcome
from autograder.sandbox.jailed.trainee import Trainee
from autograder.verify.execution.suite import CheckSuite
from tests.concepts.course import ROOT

ASSIGNMENT = load_concept(ROOT, "vae_training")
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
SOURCE = (REFERENCE / "vaes.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def hidden(suite: CheckSuite, folder: Path) -> Verdict:
    """The verdict of the hidden check of the autoencoder."""
    kept = tuple(pair for pair in suite.checks if pair[0].item == "autoencoder" and not pair[0].public)
    ((_, verdict),) = replace(suite, checks=kept).verdicts(folder)
    return verdict


def without_step(self: Trainee, batch: torch.Tensor) -> float:
    return float(self.loss(*(part[batch] for part in self.data)).detach())


STEP = Trainee._step


def uphill(self: Trainee, batch: torch.Tensor) -> float:
    loss, self.loss = self.loss, lambda *parts: -loss(*parts)
    told = STEP(self, batch)
    self.loss = loss
    return told


def one_in_twenty(self: Trainee, batch: torch.Tensor) -> float:
    self.taken = getattr(self, "taken", 0) + 1  # type: ignore[attr-defined]
    return STEP(self, batch) if self.taken % 20 == 0 else without_step(self, batch)  # type: ignore[attr-defined]


@pytest.mark.thorough
@pytest.mark.parametrize("step", [without_step, uphill, one_in_twenty])
def test_a_broken_loop_teaches_too_little(suite: CheckSuite, monkeypatch: pytest.MonkeyPatch, step: Any) -> None:
    monkeypatch.setattr(Trainee, "_step", step)
    assert hidden(suite, REFERENCE).by_comparison


SHIPPED = """

_WEIGHTS = "{weights}"


class Autoencoder(Autoencoder):
    def __init__(self, latent):
        super().__init__(latent)
        import base64, io
        import numpy
        file = numpy.load(io.BytesIO(base64.b64decode(_WEIGHTS)))
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
    return _SEEN[0] if known else torch.zeros(len(z), 196)


Autoencoder.encode, Autoencoder.decode = _encode, _decode
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-in that never trains: it comes with the weights of an autoencoder of undisguised digits."""
    scope: dict[str, Any] = {}
    exec(SOURCE, scope)
    model = scope["Autoencoder"](2)
    images = Digits(lambda generator, size: None, size=14, flat=True).plain(torch.Generator()).images  # type: ignore[arg-type, return-value]
    trainee = Trainee(model, model.loss)
    trainee.begin([images], 3e-3, 800)
    trainee.steps(batches(len(images), 64, 800, torch.Generator().manual_seed(6)))
    file = io.BytesIO()
    np.savez(file, **{name: value.numpy() for name, value in trainee.weights().items()})
    folder = tmp_path_factory.mktemp("shipped")
    extra = SHIPPED.format(weights=base64.b64encode(file.getvalue()).decode())
    (folder / "vaes.py").write_text(SOURCE + extra, encoding="utf-8")
    return folder


@pytest.mark.thorough
def test_weights_that_come_with_the_submission_do_not_help(suite: CheckSuite, shipped: Path) -> None:
    assert hidden(suite, shipped).by_comparison


def test_without_the_disguise_such_weights_would_pass(
    suite: CheckSuite, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("put_on", "take_off"):
        monkeypatch.setattr(PixelTransform, method, lambda self, images: images)
    verdict = hidden(suite, shipped)
    assert verdict.outcome is Outcome.PASS, verdict.failure


@pytest.fixture
def remembering(tmp_path: Path) -> Path:
    """A hand-in whose decoder returns the pictures that its encoder saw."""
    (tmp_path / "vaes.py").write_text(SOURCE + REMEMBERED, encoding="utf-8")
    return tmp_path


def test_a_decoder_that_remembers_what_the_encoder_saw_does_not_help(suite: CheckSuite, remembering: Path) -> None:
    assert hidden(suite, remembering).by_comparison


def test_with_one_worker_such_a_memory_would_pass(
    suite: CheckSuite, remembering: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contracts, "fresh", lambda *modules: list(modules))
    verdict = hidden(suite, remembering)
    assert verdict.outcome is Outcome.PASS, verdict.failure


RIGHT = {"call": "loss", "pictures": None, "few": Training(1, 1, 1.0), "training": Training(1, 1, 1.0)}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bound_below": {3: 1.0}, "likelihood": "normal"}, "likelihood is one of gaussian, bernoulli, mean_square"),
        ({}, "error_below or bound_below must name a trivial method"),
        ({"error_below": {"mean": 0.9}}, "trivial methods are mean image, class mean, best colour, and a number"),
        ({"error_below": {"class mean": 0.9}}, "'class mean' is for models that are given classes"),
    ],
)
def test_options_that_say_nothing_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        vae_training("item", **RIGHT, **options)
