"""The notebook of `csci1051_ps3` runs from top to bottom with the reference; students get it without answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "solutions" / "csci1051_ps3" / "ps3.py"
TEMPLATE = ROOT / "student_templates" / "csci1051_ps3" / "ps3.ipynb"


def reference() -> Any:
    return jupytext.read(REFERENCE)


def executed(cells: list[Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run cells as one notebook on small data, without an error; return how many pictures there are."""
    for name, value in {"SMALL_DATA": "1", "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / ".ipython")}.items():
        monkeypatch.setenv(name, value)
    notebook = reference()
    notebook.cells = cells
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
def test_the_notebook_runs_without_the_extra_credit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves the blanks of the extra credit as they are gets to the end of Problem 2."""
    cells, theirs = reference().cells, nbformat.read(TEMPLATE, as_version=4).cells
    assert len(cells) == len(theirs)
    unwritten = [n for n, cell in enumerate(theirs) if 'NotImplementedError("ec.' in cell.source]
    assert unwritten
    for n in unwritten:
        cells[n] = theirs[n]
    # losses, both plots, points, noising, ten reverse processes, losses
    assert executed(cells, tmp_path, monkeypatch) == 16
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"autoencoder.pt", "diffusion.pt"}


@pytest.mark.slow
def test_the_extra_credit_is_trained_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = reference().cells
    end = next(n for n, cell in enumerate(cells) if cell.source.startswith("## Problem 2"))
    switch = next(cell for cell in cells if "TRY_EXTRA_CREDIT = False" in cell.source)
    switch.source = switch.source.replace("TRY_EXTRA_CREDIT = False", "TRY_EXTRA_CREDIT = True")
    assert executed(cells[:end], tmp_path, monkeypatch) == 5  # losses, both plots twice


def test_students_get_names_and_contracts_alone() -> None:
    theirs = nbformat.read(TEMPLATE, as_version=4)
    nbformat.validate(theirs)
    assert len(theirs.cells) == len(reference().cells)
    sources = "\n".join(cell.source for cell in theirs.cells)
    for kept in (
        "class Encoder(nn.Module):",
        "def train_autoencoder(images: Tensor, epochs: int, checkpoint=None)",
        "def plot_clusters(encoder: nn.Module, images: Tensor, labels: Tensor)",
        "def plot_grid(decoder: nn.Module, xs: Tensor, ys: Tensor)",
        "def kl_loss(mu: Tensor, sigma: Tensor)",
        "def noise_points(x0: Tensor, t: Tensor)",
        "def train_diffusion(sample_points, steps: int, watch=None, checkpoint=None)",
        "def sample(model: nn.Module, n: int)",
        "**Collaborators on Problem 1:**",
        "**Collaborators on Problem 2:**",
    ):
        assert kept in sources, kept
    for gone in ("SOLUTION", "Worked answer", "Grading.", "nn.Linear", "torch.optim", "randn", "sqrt()", "0.96"):
        assert gone not in sources, gone
    assert sources.count("*Your answer here (") == 7
    assert not [output for cell in theirs.cells for output in cell.get("outputs", [])]
