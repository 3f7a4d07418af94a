"""The zip to hand in: what is in it, what is not, and what is said of both, by the real command."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from autograder.assignment import load_assignment, slugs
from autograder.student.own_folder import unpacked
from autograder.student.pack import differing
from autograder.student.submission_files import choose_files
from autograder.submission import read_submission
from tests.templates import write_template
from tests.tiny import ONE, Tiny, command

ROOT = Path(__file__).resolve().parents[2]
STUB = 'def shift(x):\n    raise NotImplementedError("two.shift (1 point)")\n'


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def pack(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return command("pack", *options, cwd=folder)


def packed(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / f"{folder.name}_submission.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def left_out(text: str) -> dict[str, str]:
    lines = text.partition("\nLeft out:\n")[2].partition("\n\n")[0].splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def test_the_zip_holds_what_counts_and_nothing_else(tiny: Tiny) -> None:
    one = ONE + "import mine\nLOG = open('notes/log.txt').read()\nSAVED = 'results/weights.pt'\nBIG = 'big.bin'\n"
    folder = tiny.student_folder(one, mine="x = 1\n")
    for name in ("results/run/weights.pt", "data/images.npz", "notes/log.txt", "notes/other.txt", "__pycache__/a.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 300_000)
    (folder / "loss.pth").write_bytes(b"x")
    (folder / "big.bin").write_bytes(bytes(21 * 2**20))
    (folder / "of my own").mkdir()
    (folder / "of my own/pyvenv.cfg").touch()
    (folder / "link.txt").symlink_to("notes/log.txt")
    (folder / "handout.html").write_text("<p>", encoding="utf-8")
    done = pack(folder)
    assert done.returncode == 0, done.stderr
    assert packed(folder).keys() == {"one.py", "two.py", "mine.py", "notes/log.txt"}
    assert packed(folder)["one.py"] == (folder / "one.py").read_bytes()
    assert left_out(done.stdout) == {
        "big.bin (21.0 MB)": "named by submitted code, and larger than 20 MB",
        "data/ (0.3 MB)": "no submitted file imports or names anything in it",
        "link.txt": "a link",
        "loss.pth": "weights or data, which no submitted file names",
        "notes/other.txt (0.3 MB)": "not asked for, and no submitted file names it",
        "results/ (0.3 MB)": "no submitted file imports or names anything in it",
    }
    assert (
        "6 things that came with the assignment" in done.stdout
    )  # given, manifest, handout, checks, caches, environment
    assert "one.py         5 points in 2 items, given by the grader" in done.stdout
    again = pack(folder)
    assert packed(folder).keys() == {"one.py", "two.py", "mine.py", "notes/log.txt"} and again.returncode == 0


def test_it_says_what_to_look_at_and_packs_all_the_same(tiny: Tiny) -> None:
    folder = tiny.student_folder("def double(:\n", STUB)
    done = pack(folder)
    assert done.returncode == 0 and packed(folder).keys() == {"one.py", "two.py"}
    first, second = done.stdout.partition("before you hand in:\n")[2].splitlines()[:2]
    assert first.startswith("  - one.py cannot be read as Python: line 1") and "(2 items, 5 points)" in first
    assert second == "  - not written yet: two.shift (1 item, 1 point)"
    (folder / "one.py").unlink()
    done = pack(folder, "--out", "other.zip")
    assert "- one.py was not handed in (2 items, 5 points)" in done.stdout


def test_an_older_zip_is_no_part_of_the_folder_and_keeps_what_only_it_has(tiny: Tiny) -> None:
    folder = tiny.student_folder(ONE + "NAME = 'hand_in_0_submission.zip'\n")
    assert pack(folder).returncode == 0 and pack(folder).returncode == 0
    (folder / "one.py").unlink()
    listed = command("check", "--list", "one", cwd=folder)
    assert listed.stdout.count("not there") == 2, listed.stdout
    done = pack(folder)
    assert done.returncode == 2 and "holds one.py, which is not here" in done.stderr
    assert "one.py" in packed(folder)
    done = pack(folder, "--out", "new.zip")
    assert done.returncode == 0 and "- one.py was not handed in (2 items, 5 points)" in done.stdout
    with zipfile.ZipFile(folder / "new.zip") as archive:
        assert archive.namelist() == ["two.py"]


def test_only_what_is_imported_or_named_is_packed_beside_what_counts(tiny: Tiny) -> None:
    one = ONE + "from pkg.inner import helper\nimport importlib\nlate = importlib.import_module('by_name')\n"
    folder = tiny.student_folder(one, by_name="import further\n", further="x = 1\n", scratch="y = 2\n")
    for name, text in {
        "pkg/__init__.py": "",
        "pkg/inner.py": "helper = 1\n",
        "pkg/other.py": "",
        "friend/one.py": ONE,
        "friend/theirs.py": "z = 1\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = pack(folder)
    assert packed(folder).keys() == {"one.py", "two.py", "by_name.py", "further.py", "pkg/__init__.py", "pkg/inner.py"}
    assert left_out(done.stdout)["scratch.py"] == "no submitted file imports it"
    assert "friend/" in left_out(done.stdout)


def test_a_file_whose_path_cannot_be_shown_as_it_is_is_packed(tiny: Tiny) -> None:
    folder = tiny.student_folder()
    for name in ("rendu e\u0301te\u0301", "a" * 44 + "/" + "b" * 46):
        (folder / name).mkdir(parents=True)
        (folder / "one.py").rename(folder / name / "one.py")
        assert pack(folder, "--out", "new.zip").returncode == 0
        with zipfile.ZipFile(folder / "new.zip") as archive:
            assert archive.namelist() == [f"{name}/one.py", "two.py"]
        (folder / name / "one.py").rename(folder / "one.py")


def test_the_folder_may_be_a_link_or_named_from_within(tiny: Tiny) -> None:
    folder = tiny.student_folder()
    (tiny.root / "link").symlink_to(folder)
    assert command("pack", "--folder", str(tiny.root / "link")).returncode == 0
    assert command("pack", "--folder", "..", cwd=folder / "checks").returncode == 0
    assert packed(folder).keys() == {"one.py", "two.py"}


def test_a_zip_that_is_not_what_is_here_is_told(tiny: Tiny) -> None:
    folder = tiny.student_folder()
    assignment = unpacked(folder)
    files = choose_files(assignment, read_submission(folder, assignment))
    assert pack(folder).returncode == 0
    there = read_submission(folder / f"{folder.name}_submission.zip", assignment)
    assert differing(files, read_submission(folder, assignment), there) == []
    (folder / "one.py").write_text(ONE.replace("* 2", "* 3"), encoding="utf-8")  # saved while the zip was written
    assert differing(files, read_submission(folder, assignment), there) == ["one.py"]


def test_a_name_that_the_output_cannot_show_stops_nothing(tiny: Tiny) -> None:
    folder = tiny.student_folder().rename(tiny.root / "дом")
    done = command("pack", cwd=folder, environment={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "written: " in done.stdout, done.stderr


def test_what_cannot_be_done_is_one_line(tiny: Tiny) -> None:
    folder = tiny.student_folder()
    for options, told in (
        (("--out", "checks"), "this is a folder"),
        (("--out", "one.py"), "this is a file, and no zip that would be replaced"),
        (("--out", "given.py"), "this is a file, and no zip that would be replaced"),
        (("--out", "nowhere/a.zip"), "cannot be written"),
        (("--folder", str(tiny.root)), "no assignment.toml here"),
    ):
        done = pack(folder, *options)
        assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1
    for name in ("one.py", "two.py"):
        (folder / name).unlink()
    done = pack(folder)
    assert done.returncode == 2 and "none of the files to hand in is here: one.py, two.py" in done.stderr


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_a_template_is_packed_to_what_the_course_asks_for(slug: str, tmp_path: Path) -> None:
    folder = write_template(slug, tmp_path / slug)
    assignment = load_assignment(ROOT, slug)
    files = assignment.manifest.files
    for name in files.optional:
        (folder / name.replace("<kerberos>", "ada")).write_bytes(b"%PDF-1.4\n")
    done = pack(folder)
    assert done.returncode == 0, done.stderr
    asked = {name.replace("<kerberos>", "ada") for name in (*files.required, *files.optional)}
    assert packed(folder).keys() == asked
    assert read_submission(folder / f"{slug}_submission.zip", assignment).missing == ()
    assert "is not here" not in done.stdout and "not written yet: " in done.stdout


def test_a_notebook_is_packed_with_what_its_cells_say(tmp_path: Path) -> None:
    folder = write_template("mit6s978_ps1", tmp_path / "mit6s978_ps1")
    path = folder / "pset1.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    error = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
    for number, cell in enumerate(code, start=1):
        cell.update(execution_count=number, outputs=[error] if number == 3 else [])
    code[1]["source"] = "!pip install einops\n" + "".join(code[1]["source"])

    def told() -> str:
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return pack(folder).stdout

    text = told()
    assert "cell 5 ended with ValueError" in text and "not run: " not in text and "pip install einops" in text
    assert "<kerberos>.pdf is not here; people give 40 points" in text
    code[3]["execution_count"] = 99
    assert "its cells were not run from top to bottom" in told()
    code[4]["execution_count"] = None
    assert f"1 of {len(code)} code cells not run: cell {notebook['cells'].index(code[4]) + 1}" in told()
