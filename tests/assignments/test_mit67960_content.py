"""The content of `mit67960_hw5`: rubric, handout, the truth of the reference and of its answers, the notebook's run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
import torch
from nbclient import NotebookClient
from torch.distributions import Independent, Normal, kl_divergence

from autograder.assignment import Kind, Manifest, load_assignment, read_manifest
from autograder.references import reference_code

ROOT = Path(__file__).resolve().parents[2]
SLUG = "mit67960_hw5"
FOLDER = ROOT / "assignments" / SLUG
TEXT = ROOT / "solutions" / SLUG / "hw5.py"
TEMPLATE = ROOT / "student_templates" / SLUG / "hw5.ipynb"
WRITTEN = {"q1": 1, "q2a": 0.5, "q2b": 0.5, "q3": 1, "q7": 2, "q8": 1, "q9": 1, "q10": 1, "q13a": 1, "q13b": 1}
OF_TRAINED_MODELS = {"q5.training_report": 0, "q6.plot_latents_report": 1, "q12.snapshots_report": 1}
MANUAL = WRITTEN | OF_TRAINED_MODELS


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(FOLDER / "assignment.toml")


# rubric, handout, answers


def test_there_are_14_and_15_points(manifest: Manifest) -> None:
    numbers = {item.id: int(re.match(r"q(\d+)", item.id)[1]) for item in manifest.items}  # type: ignore[index]
    assert sum(item.points for item in manifest.items if numbers[item.id] <= 6) == 14
    assert sum(item.points for item in manifest.items if numbers[item.id] > 6) == 15
    assert manifest.total() == 29
    assert {item.id: item.points for item in manifest.items if item.kind is Kind.MANUAL} == MANUAL
    for question, points in ((4, 6), (5, 1), (6, 4), (11, 6), (12, 2)):
        assert sum(item.points for item in manifest.items if numbers[item.id] == question) == points


def test_figures_of_trained_models_are_looked_at(manifest: Manifest) -> None:
    """Questions 5, 6 and 12 ask for the student's own trained model, which checks on known networks never see."""
    items = [item.id for item in manifest.items]
    kinds = {item.id: item.kind for item in manifest.items}
    for report in OF_TRAINED_MODELS:
        measured = report.removesuffix("_report")
        assert kinds[measured] is Kind.AUTO and items.index(report) == items.index(measured) + 1
    text = TEXT.read_text(encoding="utf-8")
    for report in ("q6.plot_latents_report", "q12.snapshots_report"):
        (answer,) = re.findall(rf"^# ### BEGIN SOLUTION {report}$(.*?)^# ### END SOLUTION$", text, re.M | re.S)
        assert "*trained*" in answer.partition("**Grading.**")[2]


def test_every_question_has_a_worked_answer_with_a_key() -> None:
    text = TEXT.read_text(encoding="utf-8")
    for item in MANUAL:
        (answer,) = re.findall(rf"^# ### BEGIN SOLUTION {item}$(.*?)^# ### END SOLUTION$", text, re.M | re.S)
        assert "**Worked answer.**" in answer and "**Grading.**" in answer and len(answer) > 400


def test_students_get_the_notebook_without_answers() -> None:
    template = nbformat.read(TEMPLATE, as_version=4)
    nbformat.validate(template)
    ours = jupytext.read(TEXT)
    assert [cell.cell_type for cell in template.cells] == [cell.cell_type for cell in ours.cells]
    said = "\n".join(cell.source for cell in template.cells)
    assert "Worked answer" not in said and "SOLUTION" not in said and "Grading" not in said
    assert said.count("*Your answer here (") == len(MANUAL)
    assert all(not cell.get("outputs") for cell in template.cells)


# what the answers say


BETAS = torch.linspace(0.1 / 200, 20 / 200, 200, dtype=torch.float64)
LEVEL = (1 - BETAS).cumprod(0)


def divergence(level: float, size: float) -> float:
    """The formula of question 8 for 784 pixels with this mean square."""
    return 0.5 * (784 * size * level - 784 * level - 784 * math.log1p(-level))


def test_the_numbers_of_question_8() -> None:
    assert float(BETAS.sum()) == pytest.approx(10.05)
    assert float(LEVEL[-1]) == pytest.approx(3.0e-5, rel=0.02)
    assert divergence(float(LEVEL[-1]), 0.5) == pytest.approx(0.006, rel=0.02)
    other = float((1 - torch.linspace(1e-4, 0.02, 200, dtype=torch.float64)).prod())
    assert other == pytest.approx(0.13, rel=0.02) and divergence(other, 0.5) == pytest.approx(30, rel=0.02)


def test_the_posterior_mean_of_question_9() -> None:
    """Equation 6 with the root of alpha, and with the printed root of alpha-bar, in terms of the noise."""
    t = 57
    alpha, beta, level, before = 1 - BETAS[t], BETAS[t], LEVEL[t], LEVEL[t - 1]
    x_0, eps = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x_t = level.sqrt() * x_0 + (1 - level).sqrt() * eps
    of_start = before.sqrt() * beta / (1 - level) * x_0
    mean = alpha.sqrt() * (1 - before) / (1 - level) * x_t + of_start
    torch.testing.assert_close(mean, (x_t - beta / (1 - level).sqrt() * eps) / alpha.sqrt())
    printed = level.sqrt() * (1 - before) / (1 - level) * x_t + of_start
    factor = (level.sqrt() * (1 - before) + beta / alpha.sqrt()) / (1 - level)
    torch.testing.assert_close(printed, factor * x_t - beta / (alpha.sqrt() * (1 - level).sqrt()) * eps)


def test_the_divergences_of_question_10() -> None:
    t, d = 57, 5
    alpha, beta, level = 1 - BETAS[t], BETAS[t], LEVEL[t]
    variance = beta * (1 - LEVEL[t - 1]) / (1 - level)
    mean, other, scale = torch.randn(3, d, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    model = scale.exp()  # a diagonal Sigma_t
    expected = kl_divergence(
        Independent(Normal(mean, variance.sqrt().expand(d)), 1), Independent(Normal(other, model.sqrt()), 1)
    )
    squares = ((mean - other) ** 2 / model).sum()
    formula = 0.5 * (model.log().sum() - d * variance.log() - d + squares + variance * (1 / model).sum())
    torch.testing.assert_close(formula, expected)
    eps, predicted = torch.randn(2, d, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    means = [(-beta / (1 - level).sqrt() * noise) / alpha.sqrt() for noise in (eps, predicted)]
    short = ((means[0] - means[1]) ** 2).sum() / (2 * variance)
    factor = beta**2 / (2 * variance * alpha * (1 - level))
    torch.testing.assert_close(factor * ((eps - predicted) ** 2).sum(), short)


def test_the_counterexamples_of_question_2() -> None:
    """(a) Means of a linear model spread less than the prior; (b) a mixture of codes is normal, its means are not."""
    s2 = 0.7
    mean_variance = 1 / (1 + s2)
    assert mean_variance + s2 / (1 + s2) == pytest.approx(1)  # the codes together
    assert mean_variance + s2 < 1 + s2  # what is decoded from the means
    generator = torch.Generator().manual_seed(0)
    n = 200_000
    second = torch.rand(n, generator=generator) < 0.5
    mu = torch.where(second, torch.randn(n, generator=generator) * 0.5**0.5, 0.0)
    z = mu + torch.where(second, 0.5**0.5, 1.0) * torch.randn(n, generator=generator)
    moments = [float((z**k).mean()) for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.08)
    assert float((mu == 0).double().mean()) == pytest.approx(0.5, abs=0.01)


# the notebook


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SMALL_DATA": "1", "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path / ".ipython")}.items():
        monkeypatch.setenv(name, value)
    notebook = jupytext.read(TEXT)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import torch\n\ntorch.manual_seed(0)"))
    ask = 'import json\nprint("MEASURED", json.dumps([vae_losses, diffusion_losses, latents.shape, stages.shape]))'
    notebook.cells.append(nbformat.v4.new_code_cell(ask))
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    said = "".join(output.get("text", "") for output in outputs(notebook))
    vae, diffusion, grid, stages = json.loads(said.partition("MEASURED")[2])
    assert vae[-1] < 335  # one picture for all digits costs 355 nats: the grid shows digits, on small data, too
    assert diffusion[-1] < 0.5  # in 12 seeds .13-.27 after three epochs, .53-1.22 after the first
    assert grid == [280, 280] and stages == [201, 4, 1, 28, 28]
    assert sum("image/png" in output.get("data", {}) for output in outputs(notebook)) == 4


def test_the_reference_reads_as_python() -> None:
    code = reference_code(load_assignment(ROOT, SLUG), "hw5.ipynb")
    assert "class VAE" in code and compile(code, "hw5.py", "exec")


def test_the_levels_of_question_12() -> None:
    assert float(LEVEL[99]) == pytest.approx(0.08, abs=0.005) and float(LEVEL[49]) == pytest.approx(0.53, abs=0.005)
    assert float((1 - LEVEL[99]) / LEVEL[99]) == pytest.approx(12, abs=0.5)
