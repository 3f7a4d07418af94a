"""The command line: one clear line for every misuse, and nothing heavy before it is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.tiny import TWO, Tiny, command


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def test_an_unknown_slug_is_answered_with_the_nearest(tiny: Tiny) -> None:
    done = command("grade", "tinny", str(tiny.reference), "--root", str(tiny.root))
    assert done.returncode == 2
    assert 'did you mean "tiny"?' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_item_is_answered_with_the_nearest(tiny: Tiny) -> None:
    done = command("grade", "tiny", str(tiny.reference), "--root", str(tiny.root), "--only", "one.duble")
    assert done.returncode == 2
    assert 'did you mean "one.double"?' in done.stderr


def test_a_path_with_nothing_is_misuse(tiny: Tiny) -> None:
    done = command("grade", "tiny", str(tiny.root / "nothing"), "--root", str(tiny.root))
    assert done.returncode == 2
    assert "there is nothing here" in done.stderr


@pytest.mark.usefixtures("warm")
def test_a_folder_of_many_submissions_is_not_graded_as_one(tiny: Tiny) -> None:
    export = tiny.root / "assignment_1_export"
    for number in range(2):
        (export / f"submission_{number}").mkdir(parents=True)
        (export / f"submission_{number}" / "two.py").write_text(TWO, encoding="utf-8")
    assert tiny.grade(export).status == 0, "one student's two versions"
    (export / "submission_metadata.yml").write_text("submission_0: {}\n", encoding="utf-8")
    assert_refused(tiny, export, f"{export}", ", or name one of those in it")
    zipped = Path(shutil.make_archive(str(export), "zip", tiny.root, export.name))
    assert_refused(tiny, zipped, f"{zipped}")
    (export / "submission_metadata.yml").unlink()
    shutil.copytree(export / "submission_0", export / "submission\n2")
    assert_refused(tiny, export, f"{export}", ", or name one of those in it")
    (export / "two.py").write_text(TWO, encoding="utf-8")
    assert tiny.grade(export).status == 0, "older versions beside what counts"
    odd = export.rename(tiny.root / "all\nof them")
    (odd / "two.py").unlink()
    assert_refused(tiny, odd, f"'{tiny.root}/all of them'", ", or name one of those in it")
    assert_refused(tiny, tiny.write("class.csv", "path\n"), f"{tiny.root}/class.csv")


def assert_refused(tiny: Tiny, path: Path, quoted: str, ending: str = "") -> None:
    run = tiny.grade(path)
    assert run.status == 2 and "holds the submissions of a class, and one is graded at a time" in run.stderr
    assert run.stderr.endswith(f"grade them all with `autograder batch tiny {quoted}`{ending}\n")
    assert run.stderr.count("\n") == 1


def test_check_outside_of_a_template_says_where_to_go(tmp_path: Path) -> None:
    done = command("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "no assignment.toml here" in done.stderr


def test_check_one_folder_above_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "ps1").mkdir()
    (tmp_path / "ps1" / "assignment.toml").write_text("")
    assert f"{tmp_path}: no assignment.toml here; go to ps1/, or name it" in command("check", cwd=tmp_path).stderr


@pytest.mark.thorough
def test_check_runs_the_public_checks_in_a_template(tiny: Tiny) -> None:
    folder = tiny.student_folder(one=tiny.reference.joinpath("one.py").read_text().replace("x * 2", "x"))
    done = command("check", cwd=folder)
    assert done.returncode == 0
    assert "double(x) is x + x." in done.stdout and "Also for five numbers." not in done.stdout
    assert "Next: start with one.double" in done.stdout.replace("\n", " ")
    for word in ("two.shift", "t*"):
        done = command("check", word, cwd=folder)
        assert "PASS" in done.stdout and "one.double" not in done.stdout
    done = command("check", "thr*", cwd=folder)
    assert done.returncode == 2 and "no item of this assignment matches 'thr*'" in done.stderr
    stub = 'raise NotImplementedError("two.shift (5 points)")'
    (folder / "two.py").write_text(f"def shift(x):\n    {stub}\n", encoding="utf-8")
    listed = command("check", "--list", cwd=folder)
    rows = {line.split()[0]: " ".join(line.split()) for line in listed.stdout.splitlines() if "." in line}
    assert rows["one.double"].endswith("one.py written") and rows["two.shift"].endswith("two.py not written yet")
    assert list(rows) == [line for line in rows if line in command("check", "--list", "one", "two", cwd=folder).stdout]
    assert "two.shift" not in command("check", "--list", "one", cwd=folder).stdout
    done = command("check", cwd=folder)
    assert "· not written yet" in done.stdout and "Next: start with one.double" in done.stdout.replace("\n", " ")


def test_check_without_its_checks_collects_none_of_the_current_folder(tiny: Tiny) -> None:
    folder = tiny.hand_in()
    (folder / "assignment.toml").write_text((tiny.assignment / "assignment.toml").read_text())
    (folder / "given.py").write_text("ONE = 1\n")
    (folder / "test_mine.py").write_text("raise SystemExit('collected')")
    done = command("check", cwd=folder)
    assert done.returncode == 2
    assert "checks/public: the checks are gone; unpack the zip that you got once more" in done.stderr


@pytest.mark.thorough
def test_a_grading_without_checks_collects_none_of_the_current_folder(tiny: Tiny) -> None:
    shutil.rmtree(tiny.assignment / "checks")
    folder = tiny.hand_in()
    (folder / "test_mine.py").write_text("raise SystemExit('collected')")
    done = command("grade", "tiny", str(folder), "--root", str(tiny.root), cwd=folder)
    assert "collected" not in done.stdout + done.stderr
    assert "0 of 6 points" in done.stdout and "ERROR" in done.stdout and done.returncode == 1
    assert "no check belongs to one.double" in done.stderr


def test_out_must_be_a_folder_and_a_deadline_some_time(tiny: Tiny) -> None:
    file = tiny.root / "file"
    file.touch()
    grading = ("grade", "tiny", str(tiny.reference), "--root", str(tiny.root))
    done = command(*grading, "--out", str(file))
    assert done.returncode == 2 and "this is a file; name a folder" in done.stderr
    done = command(*grading, "--deadline", "-3")
    assert done.returncode == 2 and "--deadline" in done.stderr


def test_items_are_found_whatever_their_case(tiny: Tiny) -> None:
    done = command("grade", "tiny", str(tiny.reference), "--root", str(tiny.root), "--only", "ONE.DOUBLE")
    assert 'did you mean "one.double"?' in done.stderr


def test_a_misspelt_key_is_named_although_another_is_missing_for_it(tiny: Tiny) -> None:
    manifest = tiny.assignment / "assignment.toml"
    manifest.write_text(manifest.read_text().replace("points = 3", "pionts = 3"))
    done = command("grade", "tiny", str(tiny.reference), "--root", str(tiny.root))
    assert "item 'one.quadruple', pionts: unknown key; did you mean \"points\"?" in done.stderr


@pytest.mark.thorough
def test_a_file_named_torch_in_the_current_folder_is_not_imported(tiny: Tiny) -> None:
    (tiny.root / "torch.py").write_text("raise SystemExit('shadowed')")
    done = command("grade", "tiny", str(tiny.reference), "--root", str(tiny.root), cwd=tiny.root)
    assert done.returncode == 0
    assert "6 of 6 points" in done.stdout


@pytest.mark.thorough
def test_json_goes_to_stdout(tiny: Tiny) -> None:
    done = command("grade", "tiny", str(tiny.reference), "--root", str(tiny.root), "--json")
    assert '"score": 6.0' in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['autograder', '--help']\nfrom autograder.cli import main\ntry: main()\n"
    code += "except SystemExit: print(sorted({'torch', 'pytest', 'pydantic', 'rich.console'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_validate_results_names_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text('{"score": NaN}')
    done = command("validate-results", str(file))
    assert done.returncode == 1
    assert "finite" in done.stdout


@pytest.mark.thorough
def test_doctor_tries_the_walls_from_inside() -> None:
    done = command("doctor")
    assert done.returncode == 0
    assert "a worker can import from the standard library" in done.stdout
    assert "FAIL" not in "".join(line for line in done.stdout.splitlines() if "resource limits" in line)


def test_the_end_looks_at_nothing_again() -> None:
    at_exit = "import atexit, gc, sys\natexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
    run = f"{at_exit}sys.argv = ['autograder', '--version']\nfrom autograder.__main__ import main\nmain()"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["True"]


def test_the_version_is_that_of_the_package() -> None:
    done = command("--version")
    assert done.returncode == 0 and done.stdout == f"autograder {metadata.version('autograder')}\n"


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    done = command(cwd=tmp_path)
    assert "Usage" in done.stdout + done.stderr and "validate-results" in done.stdout + done.stderr
