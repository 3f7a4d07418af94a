"""The content of `mit6s978_ps1`: rubric, late policy, handout, worked answers, and the provided functions."""

from __future__ import annotations

import ast
import math
import re
import types
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import torch

from autograder.assignment import Kind, LatePolicy, Manifest, read_manifest
from autograder.sandbox.jailed.scripts import definitions_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assignments" / "mit6s978_ps1"
SOURCE = (ROOT / "solutions" / "mit6s978_ps1" / "pset1.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(FOLDER / "assignment.toml")


@pytest.fixture(scope="module")
def pset1() -> types.ModuleType:
    """The definitions of the reference."""
    module = types.ModuleType("pset1")
    exec(compile(ast.parse(definitions_of(SOURCE, frozenset())), "pset1.py", "exec"), module.__dict__)
    return module


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# rubric


def test_101_points_40_of_them_by_people(manifest: Manifest) -> None:
    assert manifest.total() == 101 and manifest.total(Kind.MANUAL) == 40
    problems = [sum(item.points for item in manifest.items if item.id.startswith(f"p{k}.")) for k in range(5)]
    assert problems == [1, 20, 30, 30, 20]


def test_the_late_policy_is_that_of_the_course(manifest: Manifest) -> None:
    late = manifest.late
    assert (late.policy, late.zone, late.cutoff) == (LatePolicy.PER_DAY, "America/New_York", "23:59")
    assert (late.days, late.lowest) == (7, 0.5)


def test_the_course_began_on_a_thursday() -> None:
    assert datetime(2024, 9, 5, tzinfo=ZoneInfo("America/New_York")).strftime("%A") == "Thursday"
    assert "5 September 2024 was a Thursday" in (FOLDER / "handout.md").read_text(encoding="utf-8")


def test_every_question_has_a_worked_answer_with_a_key(manifest: Manifest) -> None:
    answers = dict(
        re.findall(r"^# ### BEGIN SOLUTION (\S+)\n(.*?)^# ### END SOLUTION", SOURCE, re.DOTALL | re.MULTILINE)
    )
    manual = {item.id: item.points for item in manifest.items if item.kind is Kind.MANUAL}
    assert set(answers) == set(manual)
    for name, answer in answers.items():
        assert "**Worked answer.**" in answer
        key = answer.partition("**Grading.**")[2].replace("\n# ", " ")
        parts = [int(number) for number in re.findall(r"(?:^|\. |: )\s*(\d) points?:", key)]
        assert sum(parts) == manual[name], name


# provided functions


def test_points_lie_on_the_torus(pset1: types.ModuleType) -> None:
    points = pset1.generate_torus_point_cloud(R=2.0, r=0.5, num_points=300, seed=3)
    assert points.shape == (300, 3) and points.dtype == torch.float32
    assert float(pset1.distance_to_torus(points, R=2.0, r=0.5).max()) < 1e-5
    assert torch.equal(points, pset1.generate_torus_point_cloud(2.0, 0.5, 300, 3))
    assert len(pset1.TorusPointCloudDataset(num_points=7)) == 7


def test_paths_are_drawn_in_one_view_with_the_torus(pset1: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(pset1.plt, "show", lambda: figures.append(pset1.plt.gcf()))
    path = torch.stack([torch.linspace(-1.5, 1.5, 9), torch.zeros(9), torch.zeros(9)], dim=1)
    pset1.plot_paths(across=path, back=path.flip(0))
    (figure,) = figures
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["across", "back"]
        assert sum(type(part).__name__ == "Poly3DCollection" for part in axes.collections) == 1
    ends = pset1.on_torus(np.array([0.0, np.pi]), np.array([0.0, 0.0]))
    assert float(pset1.distance_to_torus(torch.tensor(ends)).max()) < 1e-12
    pset1.plt.close(figure)


def test_the_positional_encoding_has_60_numbers(pset1: types.ModuleType) -> None:
    encoded = pset1.PositionalEncoding3D()(torch.tensor([[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]]))
    assert encoded.shape == (2, 60) and float(encoded.abs().max()) <= 1
    assert sorted(encoded[1].tolist()) == [0.0] * 30 + [1.0] * 30


def test_the_loss_adds_a_divergence_where_there_is_one(pset1: types.ModuleType) -> None:
    model, x = pset1.VAE(20, [16, 8, 4]), torch.rand(5, 20)
    model.reparameterize = lambda mean, logvar, n: mean
    output = model(x)
    error = pset1.mse(output["imgs"], x)
    divergence = -pset1.loss_KL_wo_E(output).mean().detach()
    assert float(divergence) > 0
    assert pset1.loss_func(model, x).item() == pytest.approx(error.item())
    with_divergence = pset1.loss_func(model, x, pset1.loss_KL_wo_E, coeff=0.1)
    assert with_divergence.item() == pytest.approx((error + 0.1 * divergence).item())


def test_several_samples_are_averaged(pset1: types.ModuleType) -> None:
    output = pset1.VAE(20, [16, 8, 4])(torch.rand(5, 20), n_samples_per_z=3)
    assert {name: tuple(value.shape) for name, value in output.items()} == {
        "imgs": (5, 20),
        "z": (15, 2),
        "mean": (15, 2),
        "logvar": (15, 2),
    }


def test_the_variance_that_the_loss_stands_for(pset1: types.ModuleType) -> None:
    """Mean squared error + 1e-3 divergence is a multiple of -log N(x; x_hat, s^2 I) + divergence for s^2 = 0.392."""
    x, x_hat = torch.rand(2, 4, 784, dtype=torch.float64)
    variance = 784 * 1e-3 / 2
    density = pset1.log_normal_pdf(x, x_hat, torch.tensor(math.log(variance)))
    constant = 784 / 2 * math.log(2 * math.pi * variance)
    assert (-density.mean() - constant).item() == pytest.approx(1000 * ((x - x_hat) ** 2).mean().item(), rel=1e-5)
