"""Synthetic classes: the same bytes for a seed, an export like the platform's, and a truth that grading agrees with."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import build
from autograder.assignment import load_assignment
from autograder.batch.exports import NO_FOLDER, read_class
from autograder.batch.gradebook import write_gradebook
from autograder.batch.journal import JOURNAL, ClassEntry, Journal
from autograder.batch.truth_comparison import compare_with_truth
from autograder.errors import UserError
from autograder.mutants import read_catalogue
from autograder.results import Outcome
from autograder.verify.synthetic import class_export, hostile_code
from autograder.verify.synthetic.as_handed_in import mutated_file, reference_files
from autograder.verify.synthetic.class_export import EXPORT, make_class, write_class
from autograder.verify.synthetic.class_members import DUE, ODD_NAMES
from autograder.verify.synthetic.recipes import SubmissionKind
from autograder.verify.synthetic.truth_table import TRUTH, Whole, read_truth, truth_text
from tests.batch.classroom import LATE
from tests.tiny import MANIFEST, command
from tests.verify.proving import COMPLETE, Proving, mutant

ROOT = Path(__file__).resolve().parents[2]
RIGHT_ONE = "import torch\n\ndef double(x):\n    return x + x\n\ndef quadruple(x):\n    return 4 * x\n"
STATISTICAL = mutant("rarely", "two.shift", "x + ONE", "x + ONE + 0", "statistical = true")


@pytest.fixture
def tiny(tmp_path: Path) -> Proving:
    course = Proving(tmp_path / "course", COMPLETE + STATISTICAL)
    course.write("assignments/tiny/assignment.toml", MANIFEST.replace("[[items]]", f"{LATE}[[items]]", 1))
    course.alternative("sums", one=RIGHT_ONE)
    return course


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def written(tiny: Proving, tmp_path: Path, size: int, seed: int = 0) -> tuple[bytes, bytes]:
    folder = tmp_path / f"class {size} {seed} {len(list(tmp_path.iterdir()))}"
    write_class(tiny.loaded, size, seed, folder)
    return (folder / EXPORT).read_bytes(), (folder / TRUTH).read_bytes()


def test_a_seed_gives_the_same_bytes_and_another_one_others(tiny: Proving, tmp_path: Path) -> None:
    first, again, other = (written(tiny, tmp_path, 30, seed) for seed in (0, 0, 1))
    assert first == again
    assert first[0] != other[0] and first[1] != other[1]


def test_the_export_is_read_as_one_of_the_platform(tiny: Proving, tmp_path: Path) -> None:
    made = write_class(tiny.loaded, 60, 0, tmp_path / "class")
    listed = {one.key: one for one in read_class(tmp_path / "class" / EXPORT, tiny.loaded)}
    assert list(listed) == [row.key for row in made.truth] and len(listed) == 60
    names = [one.name for row in made.truth for one in listed[row.key].submitters]
    for row in made.truth:
        one = listed[row.key]
        assert len(one.submitters) == row.submitters and one.created_at == row.created_at
        assert (NO_FOLDER in one.problem) is (row.whole is Whole.MISSING)
    odd = {" ".join(name.split())[:20] for name in ODD_NAMES if name.isprintable()}
    assert odd <= {name[:20] for name in names}
    assert any(one.sid.startswith("0") for row in made.truth for one in listed[row.key].submitters)
    (top,) = {name.split("/")[0] for name in made.export}
    assert top.startswith("assignment_") and top.endswith("_export")


def test_the_list_of_submissions_is_written_as_ruby_writes_it(tiny: Proving) -> None:
    made = make_class(tiny.loaded, 60, 0)
    (text,) = [data.decode() for name, data in made.export.items() if name.endswith("submission_metadata.yml")]
    first = made.truth[0]
    lines = text.splitlines()
    assert lines[:3] == ["---", f"{first.key}:", "  :submitters:"] and lines[3].startswith("  - :name: ")
    assert lines[4].startswith("    :sid: '") and lines[5].startswith("    :email: student")
    assert f"  :created_at: {first.created_at:%Y-%m-%d %H:%M:%S.%f}000 Z" in lines
    assert lines[-4:] == ["  :score: 0.0", "  :status: processed", "  :results:", "  :history: []"]
    loaded: dict[str, Any] = yaml.safe_load(text)
    assert sorted(loaded) == [row.key for row in made.truth]
    names = {person[":name"] for entry in loaded.values() for person in entry[":submitters"]}
    assert {name.strip() for name in ODD_NAMES} <= names, "texts stay texts, whatever they look like"


def test_every_kind_occurs_and_most_are_mutants(tiny: Proving) -> None:
    made = make_class(tiny.loaded, 60, 0)
    assert set(made.kinds) == {kind.value for kind in SubmissionKind}
    assert made.kinds["mutant"] > 30
    assert {row.submitters for row in made.truth} == {1, 2, 3}
    assert 0 < sum(row.late_seconds > 0 for row in made.truth) < 30
    assert all((row.created_at - DUE).total_seconds() == row.late_seconds for row in made.truth if row.late_seconds)
    copies = [row for row in made.truth if row.kind == "copy"]
    files = Counter(_files_of(made, row.key) for row in made.truth if row.whole is Whole.GRADED)
    assert copies and all(files[_files_of(made, row.key)] > 1 for row in copies)


def _files_of(made: class_export.SyntheticClass, key: str) -> tuple[tuple[str, bytes], ...]:
    parts = ((name.split("/", 2), data) for name, data in made.export.items())
    return tuple((name[2], data) for name, data in parts if name[1] == key)


def test_every_hostile_payload_is_python_and_occurs(tiny: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    for lines in hostile_code.HOSTILE.values():
        compile(lines, "hostile", "exec")
    monkeypatch.setattr(class_export, "PERCENT", {SubmissionKind.HOSTILE: 49})
    made = make_class(tiny.loaded, 60, 0)
    of = {row.made_of.partition(" at import")[0].partition(" when called")[0] for row in made.truth}
    assert hostile_code.HOSTILE.keys() <= of
    for row in made.truth:
        if row.kind == "hostile":
            name = row.made_of.split()[-1]
            own = {outcome for item, outcome in row.outcomes.items() if item.startswith(name.partition(".")[0])}
            other = {outcome for item, outcome in row.outcomes.items() if not item.startswith(name.partition(".")[0])}
            assert other == {Outcome.PASS} and own == {None if "right" in row.made_of else Outcome.FAIL}
            text = dict(_files_of(made, row.key))[name].decode()
            compile(text, name, "exec")
            first = hostile_code.HOSTILE[row.made_of.partition(" at import")[0].partition(" when called")[0]].split()[0]
            assert first in text


def test_the_truth_of_what_is_not_certain_is_left_out(tiny: Proving) -> None:
    made = make_class(tiny.loaded, 60, 0)
    assert made.items == ("one.double", "one.quadruple", "two.shift"), "no item of people's"
    of_mutants = {row.made_of for row in made.truth if row.kind == "mutant"}
    assert of_mutants == {"triple", "half", "once", "minus"}, "rarely is only for statistics"
    for row in made.truth:
        if row.kind == "two mutants":
            assert Counter(row.outcomes.values()) == {Outcome.FAIL: 2, Outcome.PASS: 1}
    tiny.write("solutions/tiny/two.py", "import one\n" + (tiny.reference / "two.py").read_text(encoding="utf-8"))
    missing = [row for row in make_class(tiny.loaded, 60, 0).truth if row.kind == "missing file"]
    (found,) = {tuple(row.outcomes.values()) for row in missing if row.made_of == "one.py"}
    assert found == (Outcome.FAIL, Outcome.FAIL, None), "what imports the missing file may fail or not"


def test_files_are_handed_in_without_marks_and_notebooks_as_notebooks(tiny: Proving, tmp_path: Path) -> None:
    files = reference_files(tiny.loaded)
    assert files["two.py"].decode().splitlines()[-3:] == [
        "def shift(x):",
        '    """One more than its input."""',
        "    return x + ONE",
    ]
    assignment = load_assignment(ROOT, "mit6s978_ps1")
    cell_not_run = next(one for one in read_catalogue(assignment).mutants if one.id == "notebook-cell-not-run")
    notebook = json.loads(reference_files(assignment)["pset1.ipynb"])
    text = json.dumps(notebook)
    assert "SOLUTION" not in text and "PROMPT" not in text and "instructor-only" not in text
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(cell["cell_type"] == "markdown" and cell["source"] for cell in notebook["cells"])
    name, data = mutated_file(assignment, cell_not_run)
    changed = [cell for cell in json.loads(data)["cells"] if cell["cell_type"] == "code"]
    assert name == "pset1.ipynb" and [cell["source"] for cell in changed] == [cell["source"] for cell in code]
    assert [cell["execution_count"] for cell in changed].count(None) == 1


@pytest.mark.parametrize("size", [1, 2, 5, 12, 23])
def test_small_classes_have_as_many_submissions_as_asked_for(tiny: Proving, size: int) -> None:
    made = make_class(tiny.loaded, size, size)
    assert len(made.truth) == size and made.kinds["mutant"] > size / 2 - 1
    if size == 23:
        assert len(made.kinds) == len(SubmissionKind)


def test_mistakes_of_users_are_one_line(tiny: Proving, tmp_path: Path) -> None:
    for size in (0, -1, 10_001):
        with pytest.raises(UserError, match=f"--size {size}: a class has 1 to 10000 submissions"):
            make_class(tiny.loaded, size, 0)
    with pytest.raises(UserError, match="is there already; name another folder with --out"):
        write_class(tiny.loaded, 1, 0, tmp_path)
    with pytest.raises(UserError, match=r"no such file; grade the class with `autograder batch` first"):
        compare_with_truth(tmp_path / TRUTH, _truth_in(tmp_path, tiny))
    tiny.catalogue("")
    with pytest.raises(UserError, match=r"mutants\.toml: no mutant in it whose outcome is certain"):
        make_class(tiny.loaded, 1, 0)


def _truth_in(folder: Path, tiny: Proving) -> Path:
    made = make_class(tiny.loaded, 1, 0)
    (folder / TRUTH).write_text(truth_text(made.items, made.truth), encoding="utf-8")
    return folder


def test_a_truth_is_read_as_it_was_written_and_mistakes_in_it_are_named(tiny: Proving, tmp_path: Path) -> None:
    path = _truth_in(tmp_path, tiny) / TRUTH
    text = path.read_text(encoding="utf-8")
    assert read_truth(path) == list(make_class(tiny.loaded, 1, 0).truth)
    for wrong, said in (
        (text.replace("FAIL", "fail"), "truth.csv, line 2: .* is 'fail'; write PASS, FAIL or nothing"),
        (text.replace(",graded,", ",lost,"), "truth.csv, line 2: 'lost' is not a valid Whole"),
        (text.rstrip("\n") + ",PASS\n", "truth.csv, line 2: has 11 cells, not 10"),
        ("name,points\n", "is not the truth of a class: its first columns must be key, kind"),
        ("", "is not the truth of a class"),
    ):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(UserError, match=said):
            read_truth(path)
    path.unlink()
    with pytest.raises(UserError, match=r"`build\.py class SLUG` writes one"):
        read_truth(path)


def test_the_command_says_what_it_made_and_what_is_wrong(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(ROOT / "build.py"), "class", *arguments]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=120)

    done = run("ift6135_a3", "--size", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 submissions: 2 mutant, 1 ") and "due 2026-02-01T23:59Z" in done.stdout
    assert sorted(path.name for path in (tmp_path / "ift6135_a3-class").iterdir()) == [EXPORT, TRUTH]
    again = run("ift6135_a3", "--size", "3")
    assert again.returncode == 2 and again.stderr.startswith("build.py: ift6135_a3-class: is there already")
    unknown = run("ift6135_b3")
    assert unknown.returncode == 2 and 'did you mean "ift6135_a3"?' in unknown.stderr
    assert again.stderr.count("\n") == unknown.stderr.count("\n") == 1


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch grades in forks")
def test_grading_a_class_agrees_with_its_truth_and_a_changed_truth_is_found(tiny: Proving, tmp_path: Path) -> None:
    folder, grades = tmp_path / "class", tmp_path / "grades"
    (tmp_path / "none").mkdir()
    made = write_class(tiny.loaded, 12, 4, folder)
    options = ("--root", str(tiny.root), "--out", str(grades), "--no-training", "--sandbox", "best-effort")
    graded = command("batch", "tiny", str(folder / EXPORT), *options)
    assert graded.returncode == 0, graded.stderr
    check = ["class", str(grades), "--check", str(folder / TRUTH)]
    agrees = CliRunner().invoke(build.app, check)
    assert agrees.exit_code == 0, agrees.output
    assert agrees.output.startswith("12 of 12 submissions agree, with ")

    due = command("gradebook", str(grades), "--root", str(tiny.root), "--due", "2026-02-01T23:59Z")
    assert due.returncode in (0, 1), due.stderr
    assert compare_with_truth(folder / TRUTH, grades).differences == ()
    early = command("gradebook", str(grades), "--root", str(tiny.root), "--due", "2026-01-20T23:59Z")
    assert early.returncode in (0, 1), early.stderr
    late = compare_with_truth(folder / TRUTH, grades).differences
    assert {one.about for one in late} == {"late_seconds"}

    with Journal.open(tmp_path / "none" / JOURNAL) as journal:
        listed = read_class(folder / EXPORT, tiny.loaded)
        journal.begin("tiny", [ClassEntry(one, one.key, "grader") for one in listed])
        write_gradebook(tmp_path / "none", journal, tiny.loaded)
    nothing = [str(one) for one in compare_with_truth(folder / TRUTH, tmp_path / "none").differences]
    assert sum("found not yet graded" in line for line in nothing) == 12
    assert not any("one.double" in line for line in nothing), "one line for what was not graded"

    row = next(row for row in made.truth if row.kind == "mutant")
    item = next(item for item, outcome in row.outcomes.items() if outcome is Outcome.FAIL)
    table = list(csv.reader((folder / TRUTH).read_text(encoding="utf-8").splitlines()))
    column, line = table[0].index(item), next(line for line in table if line[0] == row.key)
    line[column] = "PASS"
    line[4] = "7"
    gone = next(line for line in table[1:] if line[0] != row.key)
    table.remove(gone)
    with (folder / TRUTH).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(table)
    command("gradebook", str(grades), "--root", str(tiny.root))
    differs = CliRunner().invoke(build.app, check)
    assert differs.exit_code == 1
    made_as = f"{row.key} (mutant, {row.made_of})"
    for said in (
        f"{made_as}: {item}: expected PASS, found FAIL",
        f"{made_as}: submitters: expected 7, found {row.submitters}",
        f"{gone[0]}: submission: expected nothing, found one",
        "10 of 11 submissions agree",
    ):
        assert said in differs.output, differs.output
