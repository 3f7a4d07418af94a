"""The notebook of `mit6s978_ps1` runs from top to bottom with the reference; students get it without answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "solutions" / "mit6s978_ps1" / "pset1.py"
TEMPLATE = ROOT / "student_templates" / "mit6s978_ps1" / "pset1.ipynb"
SHORTER = {
    "EPOCHS = 100 if SMALL_DATA else 20\nae": "EPOCHS = 6\nae",
    "VAE_EPOCHS = 100 if SMALL_DATA else 20": "VAE_EPOCHS = 4",
    "TORUS_EPOCHS = 1000": "TORUS_EPOCHS = 20",
    "TRY_TORUS_LATENT = False": "TRY_TORUS_LATENT = True",
    "epochs=2000": "epochs=10",
    "(100, 10_000, 1_000_000)": "(100, 20_000)",
}


def executed(folder: Path) -> Any:
    """The reference after a short run."""
    text = REFERENCE.read_text(encoding="utf-8")
    for old, new in SHORTER.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    notebook = jupytext.reads(text, fmt="py:percent")
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SMALL_DATA": "1", "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / ".ipython")}.items():
            patch.setenv(name, value)
        return executed(folder)


@pytest.mark.thorough
def test_the_notebook_runs(notebook: Any) -> None:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    # reconstructions and latent plane of three models, both losses, the torus twice; paths, the ideal one, paths again
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3 * 2 + 1 + 1 + 3
    said = "".join(output.get("text", "") for output in outputs)
    assert "1437 images for training, 360 held out" in said and "opposite_sides: distance to the surface" in said
    assert said.count(": loss") == 6 + 2 * 4 + 2 + 2  # a line for each epoch; of the torus for the first and the last


@pytest.mark.thorough
def test_what_was_run_is_graded_by_the_real_worker(notebook: Any, tmp_path: Path) -> None:
    hand_in, report = tmp_path / "hand_in", tmp_path / "report"
    hand_in.mkdir()
    nbformat.write(notebook, hand_in / "pset1.ipynb")
    command = [sys.executable, "-m", "autograder", "grade", "mit6s978_ps1", str(hand_in), "--out", str(report)]
    done = subprocess.run(
        [*command, "--no-training"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    tests = json.loads((report / "results.json").read_text(encoding="utf-8"))["tests"]
    scores = {test["extra_data"]["item"]: test.get("score") for test in tests}
    full = {"p0.notebook": 1, "p1.autoencoder": 12, "p2.networks": 10, "p2.reparameterize": 6, "p2.log_normal_pdf": 6}
    assert {item: scores[item] for item in (*full, "p3.kl")} == {**full, "p3.kl": 10}


def test_students_get_names_and_contracts_alone() -> None:
    theirs = nbformat.read(TEMPLATE, as_version=4)
    nbformat.validate(theirs)
    sources = "\n".join(cell.source for cell in theirs.cells)
    for kept in (
        "class AE(nn.Module):",
        "class VAE(nn.Module):",
        "def __init__(self, input_dim, hidden_dims, decode_dim=-1, use_sigmoid=True):",
        "def reparameterize(self, mean, logvar, n_samples_per_z=1):",
        "def log_normal_pdf(sample, mean, logvar, raxis=1):",
        "def loss_func(model, x, reg_func=None, coeff=1e-3):",
        "def loss_SGVB(output):",
        "def loss_KL_wo_E(output):",
        "def plot_latent_images(model, n, digit_size=28):",
        "def eval(model):",
        "class TorusPointCloudDataset(Dataset):",
        "class PositionalEncoding3D(nn.Module):",
        "class PointVAE(VAE):",
    ):
        assert kept in sources, kept
    for gone in (
        "SOLUTION",
        "Worked answer",
        "Grading.",
        "nn.Linear(before",
        "torch.randn_like(mean)",
        "Jensen",
        "exp(-logvar)",
    ):
        assert gone not in sources, gone
    assert sources.count("*Your answer here") == 6 and sources.count("raise NotImplementedError") == 7
    assert not [output for cell in theirs.cells for output in cell.get("outputs", [])]
