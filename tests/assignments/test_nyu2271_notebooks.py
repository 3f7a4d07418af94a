"""The notebooks of `nyu2271_a3` run from top to bottom with the reference, on small data in the real formats."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assignments" / "nyu2271_a3"
REFERENCE = ROOT / "solutions" / "nyu2271_a3"
TEMPLATE = ROOT / "student_templates" / "nyu2271_a3"
NOTEBOOKS = ("variational_autoencoders.ipynb", "run_diffusion.ipynb")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder with everything written, and nothing of this process's environment in the kernel."""
    for folder in (FOLDER / "provided", REFERENCE):
        for path in folder.iterdir():
            if path.suffix in (".py", ".ipynb"):
                shutil.copy(path, tmp_path / path.name)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    return tmp_path


def write_mnist(root: Path) -> None:
    """Bars in ten places, in the files that MNIST comes in."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for split, count in (("train", 300), ("t10k", 150)):
        pixels = torch.zeros(count, 28, 28, dtype=torch.uint8)
        for number in range(count):
            pixels[number, 4:24, 2 + 2 * (number % 10) : 6 + 2 * (number % 10)] = 155 + number % 100
        images = struct.pack(">IIII", 0x803, count, 28, 28) + pixels.numpy().tobytes()
        labels = struct.pack(">II", 0x801, count) + bytes(number % 10 for number in range(count))
        (folder / f"{split}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(labels)


def executed(desk: Path, name: str, parameters: str) -> Any:
    """The notebook after a run, with other parameters than its own."""
    notebook = nbformat.read(desk / name, as_version=4)
    places = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    assert len(places) == 1
    notebook.cells.insert(places[0] + 1, new_code_cell(parameters))
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(desk)}}).execute()
    return notebook


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def text(notebook: Any) -> str:
    return "".join(output.get("text", "") for output in outputs(notebook))


def pictures(notebook: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


@pytest.mark.thorough
def test_the_notebook_of_part_a_runs(desk: Path) -> None:
    write_mnist(desk / "data")
    notebook = executed(desk, NOTEBOOKS[0], "EPOCHS = 2\n%matplotlib inline")
    said = text(notebook)
    assert "2 batches for training, images (128, 1, 28, 28), on cpu" in said
    assert said.count("epoch 2: average loss") == 2 and "x_hat (4, 1, 28, 28)" in said
    assert pictures(notebook) == 6


@pytest.mark.thorough
def test_the_notebook_of_part_b_runs(desk: Path) -> None:
    first = 'from cats import write_toy_afhq\nwrite_toy_afhq("data/toy", size=40, counts={"train": 12, "test": 2})\n'
    parameters = 'DATA_PATH = "data/toy/train"\nTRAIN_STEPS, SAVE_AND_SAMPLE_EVERY, DATALOADER_WORKERS = 4, 2, 0\n'
    parameters += "IMAGE_SIZE, BATCH_SIZE, TIME_STEPS = 16, 6, 8"
    notebook = executed(desk, NOTEBOOKS[1], first + parameters)
    said = text(notebook)
    label = r"(NOT comparable with any FID\)|FID \(clean-fid, \d+ images\))"
    assert re.search(rf"step     2: +[\d.]+  .*{label}", said) and re.search(rf"step     4: +[\d.]+  .*{label}", said)
    assert said.count("step 2 of 4: L1 loss") == said.count("step 4 of 4: L1 loss") == 2
    assert "arrays behind the figures: (5, 6, 3, 16, 16) (5, 6, 3, 16, 16)" in said
    assert pictures(notebook) == 5
    assert {path.name for path in (desk / "results" / "part2").iterdir()} >= {"model.pt", "fid.png", "history.json"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_students_get_the_notebooks_without_answers_and_outputs(name: str) -> None:
    ours, theirs = (nbformat.read(folder / name, as_version=4) for folder in (REFERENCE, TEMPLATE))
    nbformat.validate(theirs)
    assert [cell.id for cell in theirs.cells] == [cell.id for cell in ours.cells]
    sources = "\n".join(cell.source for cell in theirs.cells)
    assert "Worked answer" not in sources and "SOLUTION" not in sources and "Grading" not in sources
    assert not list(outputs(theirs))
    answers = "\n".join(cell.source for cell in ours.cells).count("### BEGIN SOLUTION")
    assert answers == (4 if name == "run_diffusion.ipynb" else 0)
