"""The student zip as a student meets it, and the demonstration of the README."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, SLUG
from tests.environments import environment_with

FILES = ("vae_solution.py", "ddpm_solution.py", "q3_solution.py")


@pytest.fixture
def unpacked(release: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(release / f"{SLUG}_student.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path / SLUG


def check(environment: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(environment / "bin" / "autograder")
    variables = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [program, "check", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=variables,
        timeout=300,
        check=False,
    )


@pytest.mark.thorough
def test_the_template_is_all_to_do_and_each_failure_names_its_blank(unpacked: Path, wheel_environment: Path) -> None:
    done = check(wheel_environment, unpacked, "vae.kl", "ddpm.q_sample")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("· not written yet") == 2 and "FAIL" not in done.stdout
    assert "kl() is not implemented yet" in done.stdout and "q_sample() is not implemented yet" in done.stdout
    assert "(hidden check" not in done.stdout and "hidden checks run too" in " ".join(done.stdout.split())


@pytest.mark.thorough
def test_a_filled_template_passes_all_public_checks(unpacked: Path, wheel_environment: Path) -> None:
    for name in FILES:
        (unpacked / name).write_bytes((ROOT / "solutions" / SLUG / name).read_bytes())
    done = check(wheel_environment, unpacked, "--no-training")
    assert done.returncode == 0, done.stderr
    assert "46 of 54 points" in done.stdout and "FAIL" not in done.stdout


def test_the_zip_holds_no_hidden_part(unpacked: Path) -> None:
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert {"handout.md", "assignment.toml", "requirements.txt", *FILES} <= names
    assert not [name for name in names if "hidden" in name or "proofs" in name or "grading.toml" in name]


@pytest.mark.slow
def test_the_demonstration(unpacked: Path, tmp_path: Path) -> None:
    """With what `pip install -e .` brings, and nothing else."""
    environment = environment_with(tmp_path / "venv", ["autograder"], wheel=next(unpacked.glob("*.whl")))
    arguments = ["demo", "--out", str(tmp_path / "demo"), "--root", str(ROOT)]
    done = subprocess.run(
        [str(environment / "bin" / "autograder"), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120"},
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scores = {
        name: json.loads((tmp_path / "demo" / "results" / name / "results.json").read_text())["score"]
        for name in ("reference", "template", "common-slips", "half-done")
    }
    assert scores["reference"] == 46.0 and scores["template"] == 0.0
    assert 0 < scores["half-done"] < scores["common-slips"] < 46.0
    assert "what common-slips is told" in done.stdout
    assert (tmp_path / "demo" / "release" / f"{SLUG}_student.zip").is_file()
