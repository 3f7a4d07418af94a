"""`build.py` as instructors run it, on a copy of the project with a tiny course."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.release.course import Course, make_course


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("project"), engine=True)


def run(project: Course, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project.root / "build.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd or project.root, timeout=120)


def test_building_all_prints_a_table_and_needs_no_torch(project: Course, tmp_path: Path) -> None:
    command = "import runpy, sys; sys.argv = ['build.py', '--out', sys.argv[1]]\n"
    command += "try: runpy.run_path('build.py', run_name='__main__')\n"
    command += "except SystemExit as end: print('status', end.code, 'torch' in sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path)], capture_output=True, text=True, cwd=project.root, timeout=120
    )
    assert done.stdout.rstrip().endswith("status 0 False"), done
    (row,) = [line for line in done.stdout.splitlines() if "tiny" in line]
    assert row.split()[:4] == ["tiny", "6", "2", "5"] and "clean" in row and "KiB" in row
    assert {path.name for path in tmp_path.iterdir()} == {"tiny_student.zip", "tiny_gradescope.zip"}


def test_one_assignment_from_any_folder(project: Course, tmp_path: Path) -> None:
    done = run(project, "tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (project.root / "dist/tiny_student.zip").is_file()
    assert run(project, "build", "tiny", "--out", str(tmp_path)).returncode == 0


def test_check_passes_when_fresh_and_names_stale_files(project: Course) -> None:
    run(project)
    assert run(project, "--check").returncode == 0
    project.edit("assignments/tiny/handout.md", "Fill", "Please fill")
    done = run(project, "--check", "tiny")
    assert done.returncode == 1
    assert "student_templates/tiny/handout.md: out of date" in done.stderr
    assert b"Please" not in project.tree("student_templates")["tiny/handout.md"]


def test_misuse_ends_with_2_and_one_line(project: Course) -> None:
    unknown = run(project, "tyni")
    assert unknown.returncode == 2
    assert 'did you mean "tiny"?' in unknown.stderr and unknown.stderr.count("\n") == 1
    assert run(project, "--nonsense").returncode == 2
    project.edit("solutions/tiny/vae.py", "### BEGIN", "### BEGN")
    bad = run(project)
    project.edit("solutions/tiny/vae.py", "### BEGN", "### BEGIN")
    assert bad.returncode == 2 and "solutions/tiny/vae.py, line 13" in bad.stderr


def test_a_leak_ends_with_1(project: Course) -> None:
    project.edit("assignments/tiny/handout.md", "# Tiny", "# Tiny\n\n(self.mean**2 + variance - 1 - self.logvar)")
    done = run(project)
    assert done.returncode == 1
    assert "handout.md, line 3: has text of solutions/tiny/vae.py" in done.stderr


def test_help_names_the_commands(project: Course) -> None:
    done = run(project, "--help")
    assert done.returncode == 0 and "build" in done.stdout and "--check" in run(project, "build", "--help").stdout
