"""Every command of the README and of every handout: tried here, elsewhere, or listed with the reason why not."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment, slugs
from autograder.references import notebook_of_text, reference_path
from autograder.source.cells import joined
from tests.end_to_end.commands import commands_of
from tests.end_to_end.conftest import ROOT
from tests.templates import template_of, write_template

SLUGS = slugs(ROOT)
README = {
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/autograder demo": (
        "end_to_end/test_student.py::test_the_demonstration"
    ),
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest": "",
    "python build.py": "test_build.py::test_building_all_prints_a_table_and_needs_no_torch",
    "python build.py ift6135_a3": "test_build.py::test_one_assignment_from_any_folder",
    "python build.py --check": "test_build.py::test_check_passes_when_fresh_and_names_stale_files",
    "python build.py --setting torch_index=URL": "test_build.py::test_settings_of_the_gradescope_zip_are_written",
    "python build.py verify": "test_build.py::test_a_release_needs_a_verification_of_exactly_its_files",
    "python build.py release": "test_build.py::test_a_release_needs_a_verification_of_exactly_its_files",
    "python build.py class ift6135_a3": (
        "batch/test_synthetic_class.py::test_the_command_says_what_it_made_and_what_is_wrong"
    ),
    "pip install -r requirements.txt": "end_to_end/test_student_zips.py::test_the_commands_of_the_readme_work",
    "autograder check": "end_to_end/test_student_zips.py::test_the_commands_of_the_readme_work",
    "autograder check vae.kl": (
        "end_to_end/test_student_zips.py::test_a_conftest_of_the_student_does_not_reach_the_checks"
    ),
    "autograder check --list": "test_cli.py::test_check_runs_the_public_checks_in_a_template",
    "autograder check --watch": "student/test_watch.py::test_each_save_is_answered_for_what_it_concerns",
    "autograder report": "student/test_written_report.py::test_answers_are_printed_and_what_is_missing_is_said",
    "autograder pack": "student/test_pack.py::test_a_template_is_packed_to_what_the_course_asks_for",
    "autograder grade ift6135_a3 hand_in.zip --out results/": "::test_the_commands_for_staff",
    "autograder grade ift6135_a3 hand_in/ --only vae.kl": "::test_the_commands_for_staff",
    "autograder grade ift6135_a3 hand_in/ --no-training": "::test_the_commands_for_staff",
    "autograder grade ift6135_a3 hand_in/ --device cpu": "::test_the_commands_for_staff",
    "autograder validate-results results/results.json": "::test_the_commands_for_staff",
    "autograder batch ift6135_a3 export.zip --out DIR": (
        "batch/test_synthetic_class.py::test_grading_a_class_agrees_with_its_truth_and_a_changed_truth_is_found"
    ),
    "autograder gradebook DIR --manual points.csv": (
        "batch/test_gradebook.py::test_final_grades_that_are_complete_are_status_0"
    ),
    "autograder doctor": "test_doctor.py::test_the_command_lists_every_probe",
    "pytest -m ''": "",
    "uv run autograder demo": "",
    "pip install -e .": "end_to_end/test_student.py::test_the_demonstration",
    ".ci/run": "",
    ".ci/full": "",
}
"""Commands of README.md, and the test that runs them; those without one start all tests, or take another installer."""
CHECKS = "autograder check"
ELSEWHERE = {
    "pip install -r requirements.txt": "test_student_zips.py runs it in an empty environment",
    "SMALL_DATA=1 jupyter lab": "test_student_zips.py starts it; the notebook is run by test_mit6s978_notebook.py",
    'pip install "gdown>=6"': "test_student_zips.py looks the name up",
    "pip install clean-fid": "test_student_zips.py looks the name up",
    "gdown 1-1npXlqCw1CYQ5SBbrlSgZdA9TEwZre4 -O ./data/afhq_v2.zip": "downloads 200 MB from a drive",
    "python -m zipfile -e ./data/afhq_v2.zip ./data": "needs the download",
    "python vae_solution.py --epochs 0": "downloads SVHN; tried with --small",
    "python vae_solution.py --resume": "downloads SVHN; tried with --small",
    "python ddpm_solution.py --timesteps 500": "downloads SVHN; tried with --small",
    "python vae_solution.py": "downloads SVHN, and trains for hours",
    "python q3_solution.py": "downloads CIFAR10, and trains for hours",
    "python q3_solution.py identity fixed wide": "downloads CIFAR10; its runs are tried with --small",
}
"""Commands of handouts that are not run here as they are, and why."""
MORE = {
    "ift6135_a3": (
        "python vae_solution.py --small --epochs 0",
        "python vae_solution.py --small --resume --epochs 1",
        "python ddpm_solution.py --small --epochs 0",
        "python ddpm_solution.py --small --timesteps 500 --epochs 0",
        "python q3_solution.py --small --epochs 0",
        "python q3_solution.py identity fixed wide --small --epochs 1 --batches 2",
    )
}
"""What a handout says of further commands in words."""


def of_handout(slug: str) -> list[str]:
    """Return the commands that the handout names, and those of the texts in notebooks."""
    folder = ROOT / "student_templates" / slug
    found = commands_of((ROOT / "assignments" / slug / "handout.md").read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found += [
            one for cell in cells if cell["cell_type"] == "markdown" for one in commands_of(joined(cell["source"]))
        ]
    return list(dict.fromkeys(found))


def filled(slug: str, folder: Path) -> Path:
    """Return a student's folder in which the reference is filled in, notebooks as notebooks."""
    write_template(slug, folder)
    assignment = load_assignment(ROOT, slug)
    for name in assignment.manifest.files.required:
        source = reference_path(assignment, name)
        text = source.read_text(encoding="utf-8")
        if source.suffix != Path(name).suffix:
            text = json.dumps(notebook_of_text(text, name))
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(command: str, folder: Path) -> str:
    """Run one line of a shell with this environment's programs; return what it printed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        timeout=3600,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_each_command_of_the_readme_is_run_by_a_test() -> None:
    assert set(commands_of((ROOT / "README.md").read_text(encoding="utf-8"))) - {"autograder grade"} == set(README)
    for place in filter(None, README.values()):
        file, _, name = place.partition("::")
        path = ROOT / "tests" / file if file else Path(__file__)
        assert f"def {name}(" in path.read_text(encoding="utf-8"), place


@pytest.mark.parametrize("slug", SLUGS)
def test_each_command_of_a_handout_is_one_that_works(slug: str) -> None:
    """Items exist, options exist, programs are there after the installation; the rest is run by the slow test below."""
    manifest = load_assignment(ROOT, slug).manifest
    for command in of_handout(slug):
        program, *arguments = shlex.split(command)
        if command.startswith(CHECKS):
            for argument in arguments[1:]:
                assert argument == "--no-training" or manifest.item(argument).is_auto
        elif command not in ELSEWHERE and program != "mkdir":
            assert program == "python", f"{command}: say in this file how it is tried"
            assert arguments[0] in template_of(slug)


def test_no_reason_is_left_of_a_command_that_is_gone() -> None:
    named = {command for slug in SLUGS for command in of_handout(slug)}
    assert set(ELSEWHERE) <= named


@pytest.mark.thorough
def test_cats_are_drawn_where_the_handout_says(tmp_path: Path) -> None:
    assert "python cats.py data/toy" in of_handout("nyu2271_a3")
    folder = filled("nyu2271_a3", tmp_path / "folder")
    run("python cats.py data/toy", folder)
    assert list((folder / "data/toy/train").rglob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_the_commands_of_a_handout_work(slug: str, tmp_path: Path) -> None:
    folder = filled(slug, tmp_path / slug)
    for command in [*(one for one in of_handout(slug) if one not in ELSEWHERE), *MORE.get(slug, ())]:
        told = run(command, folder)
        if command.startswith(CHECKS):
            assert "FAIL" not in re.sub(r"p0\.notebook.*", "", told), f"{command}\n{told}"


@pytest.mark.slow
def test_the_commands_for_staff(tmp_path: Path) -> None:
    folder = filled("ift6135_a3", tmp_path / "hand_in")
    shutil.make_archive(str(tmp_path / "hand_in"), "zip", folder)
    mine = [command for command, place in README.items() if place == "::test_the_commands_for_staff"]
    for command in mine:
        place = f" --root {shlex.quote(str(ROOT))}" if command.startswith("autograder grade") else ""
        told = run(command + place, tmp_path)
        assert "FAIL" not in told, f"{command}\n{told}"
    assert (tmp_path / "results/report.html").is_file()
