"""`build.py` as instructors run it, on a copy of the project with a tiny course."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.release.course import PROJECT, Course, make_course
from tests.verify.proving import COMPLETE, MINUS, Proving


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


@pytest.mark.thorough
def test_one_assignment_from_any_folder(project: Course, tmp_path: Path) -> None:
    done = run(project, "tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (project.root / "dist/tiny_student.zip").is_file()
    assert run(project, "build", "tiny", "--out", str(tmp_path)).returncode == 0


@pytest.mark.thorough
def test_settings_of_the_gradescope_zip_are_written(project: Course, tmp_path: Path) -> None:
    index = "torch_index=https://wheels.example/cpu"
    done = run(project, "tiny", "--setting", index, "--setting", "timeout_seconds=1200", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "tiny_gradescope.zip") as bundle:
        settings = bundle.read("settings.conf").decode().splitlines()
    assert {"torch_index = https://wheels.example/cpu", "timeout_seconds = 1200"} < set(settings)
    wrong = run(project, "tiny", "--setting", "torch_indx=x")
    assert wrong.returncode == 2 and 'did you mean "torch_index"?' in wrong.stderr and wrong.stderr.count("\n") == 1


@pytest.mark.thorough
def test_check_passes_when_fresh_and_names_stale_files(project: Course) -> None:
    run(project)
    assert run(project, "--check").returncode == 0
    project.edit("assignments/tiny/handout.md", "Fill", "Please fill")
    done = run(project, "--check", "tiny")
    assert done.returncode == 1
    assert "student_templates/tiny/handout.md: out of date" in done.stderr
    assert b"Please" not in project.tree("student_templates")["tiny/handout.md"]


@pytest.mark.thorough
def test_misuse_ends_with_2_and_one_line(project: Course) -> None:
    unknown = run(project, "tyni")
    assert unknown.returncode == 2
    assert 'did you mean "tiny"?' in unknown.stderr and unknown.stderr.count("\n") == 1
    assert run(project, "--nonsense").returncode == 2
    project.edit("solutions/tiny/vae.py", "### BEGIN", "### BEGN")
    bad = run(project)
    project.edit("solutions/tiny/vae.py", "### BEGN", "### BEGIN")
    assert bad.returncode == 2 and "solutions/tiny/vae.py, line 13" in bad.stderr


@pytest.mark.thorough
def test_a_leak_ends_with_1(project: Course) -> None:
    project.edit("assignments/tiny/handout.md", "# Tiny", "# Tiny\n\n(self.mean**2 + variance - 1 - self.logvar)")
    done = run(project)
    assert done.returncode == 1
    assert "handout.md, line 3: has text of solutions/tiny/vae.py" in done.stderr


def test_help_names_the_commands(project: Course) -> None:
    done = run(project, "--help")
    assert done.returncode == 0 and "build" in done.stdout and "--check" in run(project, "build", "--help").stdout


@pytest.fixture(scope="module")
def proving(tmp_path_factory: pytest.TempPathFactory) -> Proving:
    """A project whose rubric is proved, with the engine in it."""
    return with_engine(Proving(tmp_path_factory.mktemp("proving")))


def with_engine(proving: Proving) -> Proving:
    """Copy the engine into a project."""
    for name in ("pyproject.toml", "LICENSE", "README.md", "build.py"):
        shutil.copy(PROJECT / name, proving.root / name)
    shutil.copytree(PROJECT / "autograder", proving.root / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    return proving


@pytest.mark.thorough
def test_a_release_needs_a_verification_of_exactly_its_files(proving: Proving, tmp_path: Path) -> None:
    project = Course(proving.root)
    refused = run(project, "release", "--out", str(tmp_path))
    assert refused.returncode == 1 and refused.stderr.endswith("run: python build.py verify tiny\n")
    assert not list(tmp_path.iterdir())

    verified = run(project, "verify", "--jobs", "2")
    assert verified.returncode == 0 and verified.stderr == "", verified
    (row,) = [line.split() for line in verified.stdout.splitlines() if line.split()[:1] == ["tiny"]]
    assert row == ["tiny", "3", "4", "4/4", "1/1", "0/0", "4/0/0", "none"]
    page = proving.root / "dist/verify/tiny/matrix.html"
    assert verified.stdout.rstrip().endswith(str(page)) and page.is_file()
    assert json.loads(page.with_suffix(".json").read_text())["passed"] is True
    assert_changed(project, "nothing differs from what is on record in verified.json\n")

    released = run(project, "release", "--out", str(tmp_path))
    assert released.returncode == 0, released.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"tiny_student.zip", "tiny_gradescope.zip"}

    proving.catalogue(COMPLETE.replace(MINUS, ""))
    stale = run(project, "release", "tiny", "--out", str(tmp_path))
    assert stale.returncode == 1
    assert "verified with other files than there are now: assignments/tiny/mutants.toml (changed)" in stale.stderr
    failed = run(project, "verify", "tiny")
    assert failed.returncode == 1
    assert failed.stderr == "tiny: two.shift: has no mutant; add a mutant for it\n"
    changed = run(project, "verify", "--changed")
    assert (changed.returncode, changed.stderr) == (failed.returncode, failed.stderr)
    proving.catalogue(COMPLETE)
    assert "no passing verification is on record" in run(project, "release").stderr


def assert_changed(project: Course, printed: str, told: str = "") -> None:
    done = run(project, "verify", "--changed")
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, told)


def test_what_never_passed_is_named_and_misuse_is_one_line(proving: Proving) -> None:
    project = Course(proving.root)
    (proving.root / "verified.json").unlink(missing_ok=True)
    shutil.rmtree(proving.root / "dist", ignore_errors=True)
    line = "not on record in verified.json; run: python build.py verify tiny\n"
    assert_changed(project, "nothing differs from what is on record in verified.json\n", line)
    for arguments, text in (
        (("--changed", "--item", "one.double"), "--changed asks for whole verifications; leave out --item"),
        (("--changed", "tinny"), 'did you mean "tiny"?'),
        (("--concept", "kl"), "no concept 'kl'"),
    ):
        done = run(project, "verify", *arguments)
        assert done.returncode == 2 and text in done.stderr and done.stderr.count("\n") == 1, done.stderr
    proving.write("verified.json", "{")
    for arguments in (("--changed",), ("tiny",)):
        done = run(project, "verify", *arguments)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "verified.json: this is no record of verifications; remove it" in done.stderr
    assert not (proving.root / "dist/verify/tiny/matrix.json").exists(), "said before anything is graded"
    (proving.root / "verified.json").unlink()


@pytest.mark.thorough
def test_one_item_is_the_working_loop(proving: Proving) -> None:
    done = run(Course(proving.root), "verify", "--item", "one.double", "--out", "working")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["triple", "2", "X", "X", "right"] in rows and ["reference", "0", ".", "."] in rows
    assert (proving.root / "working/tiny/items/one.double/matrix.html").is_file()
    assert not (proving.root / "working/tiny/record.json").exists()
    unknown = run(Course(proving.root), "verify", "--item", "one.duoble")
    assert unknown.returncode == 2 and 'did you mean "one.double"?' in unknown.stderr
    assert "own mutants" in run(Course(proving.root), "verify", "--help").stdout


@pytest.mark.thorough
def test_a_broken_check_is_one_problem_and_status_1(proving: Proving) -> None:
    broken = proving.write("assignments/tiny/checks/hidden/test_broken.py", "import nothing_like_this\n")
    done = run(Course(proving.root), "verify")
    broken.unlink()
    assert done.returncode == 1 and done.stderr.startswith("build.py: ")
    assert "test_broken.py: cannot be collected" in done.stderr and "Traceback (most" not in done.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("options", [[], ["--calibrate", "1"]])
def test_a_folder_that_cannot_be_made_is_said_before_anything_is_graded(
    proving: Proving, tmp_path: Path, options: list[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    done = run(Course(proving.root), "verify", "tiny", "--out", str(tmp_path / "taken"), *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and "name another folder with --out" in done.stderr


@pytest.mark.thorough
def test_margins_are_kept_beside_the_rubric_and_not_where_the_reference_fails(tmp_path: Path) -> None:
    proving = with_engine(Proving(tmp_path))
    proving.add_training()
    record = proving.assignment / "margins.json"
    done = run(Course(proving.root), "verify", "tiny", "--margins", "4", "--jobs", "1")
    assert done.returncode == 1 and "on record with 4 of the 20 trainings that are needed" in done.stderr
    assert "error" in done.stdout and json.loads(record.read_text())["margins"][0]["runs"] == 4
    kept = record.read_bytes()
    proving.add_training(error="1 + abs(draw)")
    done = run(Course(proving.root), "verify", "tiny", "--margins", "1", "--jobs", "1")
    assert done.returncode == 1 and "fails on the reference with seed 'margins 0'" in done.stderr
    assert record.read_bytes() == kept


def test_an_interrupted_command_says_so_in_one_line(project: Course) -> None:
    script = (
        "import signal, build\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell starts what is in the background without
        "with build._one_line():\n    signal.raise_signal(signal.SIGINT)\n"
    )
    wrapped = (
        f"import typer\ntry:\n    exec({script!r})\nexcept typer.Exit as end:\n    raise SystemExit(end.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapped], capture_output=True, text=True, cwd=project.root, check=False
    )
    assert (done.returncode, done.stderr) == (130, "build.py: interrupted before it was done; run it again\n")
