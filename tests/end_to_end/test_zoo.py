"""Hand-ins as students write them, through the real command, against the scores that they deserve by the rubric."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.zoo.catalogue import (
    CORRECT,
    DDPM,
    DDPM_ITEMS,
    ENDLESS,
    FILES,
    Q3,
    Q3_ITEMS,
    VAE,
    VAE_ITEMS,
    WRONG,
    ZOO,
    Deserved,
    HandIn,
)

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
SLUG = "ift6135_a3"
ITEMS = (*VAE_ITEMS, *DDPM_ITEMS, *Q3_ITEMS)
MIXED = (
    {VAE: "starter_2023", DDPM: "cluster", Q3: "numpy_lists"},
    {VAE: "objects", DDPM: "einops_typed", Q3: "starter_2023"},
    {VAE: "cluster", DDPM: "objects", Q3: "colab_export"},
)
"""Files of different hand-ins: they are graded one by one, so three runs see nine of them."""
QUICK = ("unfinished",)


@dataclass(frozen=True)
class Graded:
    """The share of its points that each item got, and what the report mentions."""

    shares: dict[str, float]
    output: str
    status: int


def grade(path: Path, out: Path) -> Graded:
    """Grade what lies at ``path`` with the real command, without the training items."""
    command = [sys.executable, "-m", "autograder", "grade", SLUG, str(path), "--no-training", "--out", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=550)
    results: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    points = {test["extra_data"]["item"]: test for test in results["tests"]}
    return Graded(
        {item: points[item]["score"] / points[item]["max_score"] for item in ITEMS},
        results["output"] + run.stderr,
        run.returncode,
    )


def write(sources: dict[str, str], folder: Path) -> Path:
    folder.mkdir()
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def as_notebook(source: str) -> str:
    """The cells of an exported notebook, cut at its ``# In[3]:`` lines."""
    cells = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
        for cell in re.split(r"^# In\[\d+\]:?\n", source, flags=re.MULTILINE)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def differences(graded: Graded, deserves: dict[str, Deserved]) -> dict[str, str]:
    """The items whose points are not those that are deserved."""
    return {
        item: f"{share:.3f} of the points, {deserves.get(item, 'all')} deserved"
        for item, share in graded.shares.items()
        if not (deserves[item].allows(share) if item in deserves else share == 1)
    }


def assert_deserved(hand_in: HandIn, folder: Path) -> None:
    graded = grade(write(hand_in.sources(), folder / "hand_in"), folder / "out")
    assert differences(graded, dict(hand_in.deserves)) == {}
    assert graded.status == 0
    for notice in hand_in.notices:
        assert notice in graded.output


def test_every_item_is_got_wrong_by_somebody() -> None:
    assert {item for hand_in in WRONG.values() for item in hand_in.deserves} == set(ITEMS)


@pytest.mark.parametrize("bases", MIXED, ids=lambda bases: "+".join(bases.values()))
def test_correct_files_get_all_points(bases: dict[str, str], tmp_path: Path) -> None:
    sources = {name: (ZOO / base / name).read_text(encoding="utf-8") for name, base in bases.items()}
    graded = grade(write(sources, tmp_path / "hand_in"), tmp_path / "out")
    assert differences(graded, {}) == {}
    assert graded.status == 0


def test_notebooks_in_a_zip_get_all_points(tmp_path: Path) -> None:
    path = tmp_path / "IFT6135 A3 (2).zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            source = (ZOO / "colab_export" / name).read_text(encoding="utf-8")
            archive.writestr(f"ift6135-a3/{Path(name).stem}.ipynb", as_notebook(source))
            archive.writestr(f"__MACOSX/ift6135-a3/._{Path(name).stem}.ipynb", b"\x00\x05\x16\x07")
        archive.writestr("ift6135-a3/report.pdf", b"%PDF-1.5")
        archive.writestr("ift6135-a3/.ipynb_checkpoints/vae_solution-checkpoint.ipynb", as_notebook("1 / 0"))
    graded = grade(path, tmp_path / "out")
    assert differences(graded, {}) == {}
    assert "!pip install -q einops" in graded.output
    assert "`google.colab` is not installed here" in graded.output


@pytest.mark.parametrize("name", QUICK)
def test_wrong_hand_ins_get_what_they_deserve(name: str, tmp_path: Path) -> None:
    assert_deserved(WRONG[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORRECT)
def test_all_correct_hand_ins_get_all_points(name: str, tmp_path: Path) -> None:
    assert_deserved(HandIn(name), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(name for name in WRONG if name not in QUICK), *ENDLESS])
def test_all_wrong_hand_ins_get_what_they_deserve(name: str, tmp_path: Path) -> None:
    assert_deserved((WRONG | ENDLESS)[name], tmp_path)
