"""The real command `batch` on a class of the tiny assignment: the grades of `grade`, in any order, once each."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autograder.batch.jobs import end_all, graded_of, job_of, run_job
from autograder.batch.journal import JOURNAL, Journal
from autograder.batch.listing import Fault, GradingStatus, ListedSubmission, Submitter
from autograder.batch.warm_process import GraderSpec
from tests.tiny import MANIFEST, ONE, TWO, Tiny, command

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch grades in forks"),
]

REMEMBERING = """
import builtins, pathlib, torch
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
builtins.sum = None
for place in ("/tmp", "/var/tmp", "/dev/shm", ".", str(pathlib.Path.home())):
    try:
        seen = pathlib.Path(place) / "was_here"
        if seen.exists():
            raise SystemExit
        seen.write_text("1")
    except OSError:
        pass
"""
CLASS = {
    "ada": (ONE, TWO),
    "bob": (ONE.replace("x * 2", "x * 3"), TWO),
    "cyd": (ONE.replace("return double(double(x))", "while True: pass"), TWO),
    "dan": (ONE + "\nimport os\nos._exit(0)\n", TWO),
    "eve": (REMEMBERING + ONE, REMEMBERING + TWO),
    "fay": (REMEMBERING + ONE, REMEMBERING + TWO.replace("+", "-")),
    "gus": (ONE.replace("x * 2", "torch.randn(3)"), None),
    "hal": (ONE + "\nraise SystemExit('over')\n", "def shift(x:\n"),
    "ida": (ONE.replace("import torch", "import torch\nkept = torch.ones(9 * 2**28)"), TWO),
    "jan": (ONE, TWO),  # the bytes of ada
}


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def write_class(tiny: Tiny, names: dict[str, str]) -> Path:
    """Write the submissions of the class under other names."""
    for name, called in names.items():
        for file, text in zip(("one.py", "two.py"), CLASS[name], strict=True):
            if text is not None:
                tiny.write(f"class/{called}/{file}", text)
    broken = tiny.root / "class" / "zip_of_nobody.zip"
    broken.write_bytes(b"PK\x03\x04 no zip")
    return broken.parent


def batch(tiny: Tiny, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = ["batch", "tiny", str(tiny.root / "class"), "--root", str(tiny.root), "--sandbox", "best-effort"]
    return command(*arguments, "--out", str(tiny.root / "grades"), *options)


def results_of(path: Path) -> dict[str, Any]:
    """What a file of results says, without times."""
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    results.pop("execution_time", None)
    results["extra_data"].pop("times", None)
    return results


def graded(tiny: Tiny) -> dict[str, Any]:
    """The results of all submissions of a batch, by the names of their folders."""
    return {path.parent.name: results_of(path) for path in (tiny.root / "grades/submissions").glob("*/results.json")}


@pytest.mark.slow
def test_a_class_gets_the_grades_that_grade_gives_in_any_order(tiny: Tiny, tmp_path: Path) -> None:
    names = {name: name for name in CLASS}
    write_class(tiny, names)
    run = batch(tiny, "--jobs", "1")
    assert run.returncode == 0, run.stderr
    found = graded(tiny)
    assert len(found) == len(CLASS) + 1
    for name in CLASS:
        out = tmp_path / "alone" / name
        alone = command("grade", "tiny", str(tiny.root / "class" / name), "--root", str(tiny.root), "--out", str(out))
        assert alone.returncode == 0, alone.stderr
        assert found[name]["tests"] == results_of(out / "results.json")["tests"], name
    assert found["ada"]["tests"] == found["jan"]["tests"] and found["ada"]["score"] == 6.0
    other = Tiny(tmp_path / "other")
    turned = dict(zip(CLASS, reversed(list(CLASS)), strict=True))
    write_class(other, turned)
    assert batch(other, "--jobs", "2").returncode == 0
    again = graded(other)
    assert {name: again[called]["tests"] for name, called in turned.items()} == {
        name: found[name]["tests"] for name in CLASS
    }


def test_every_submission_has_a_row_and_faults_are_not_mixed(tiny: Tiny) -> None:
    write_class(tiny, {"ada": "ada", "bob": "bob"})
    (tiny.root / "class" / "nil").mkdir()
    run = batch(tiny)
    assert run.returncode == 0, run.stderr
    rows = {row["key"]: row for row in csv.DictReader((tiny.root / "grades/grades.csv").open(encoding="utf-8"))}
    assert rows.keys() == {"ada", "bob", "nil", "zip_of_nobody"}
    assert [rows[key]["grading_status"] for key in sorted(rows)] == ["graded"] * 4
    assert [rows[key]["fault"] for key in sorted(rows)] == ["", "", "student", "student"]
    assert float(rows["ada"]["points_by_grader"]) == 6 and float(rows["bob"]["points_by_grader"]) < 6
    assert "3 submissions" not in run.stdout and "4 submissions" in run.stdout
    tiny.write("class/bob/one.py", ONE + "# mended\n")  # a newer version
    again = batch(tiny)
    assert again.returncode == 0 and "3 of 4 were graded before" in again.stderr
    rows = {row["key"]: row for row in csv.DictReader((tiny.root / "grades/grades.csv").open(encoding="utf-8"))}
    assert float(rows["bob"]["points_by_grader"]) == 6


def start(tiny: Tiny, *options: str) -> subprocess.Popen[bytes]:
    """Start a batch in a session of its own."""
    arguments = [sys.executable, "-P", "-m", "autograder", "batch", "tiny", str(tiny.root / "class")]
    arguments += ["--root", str(tiny.root), "--out", str(tiny.root / "grades"), "--sandbox", "best-effort", *options]
    return subprocess.Popen(arguments, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finished(tiny: Tiny) -> int:
    """How many submissions the journal has a grading of."""
    path = tiny.root / "grades" / JOURNAL
    if not path.is_file():
        return 0
    with Journal.open(path, create=False) as journal:
        return sum(standing.status is not None for standing in journal.listed())


def attempts(tiny: Tiny) -> dict[str, int]:
    with Journal.open(tiny.root / "grades" / JOURNAL, create=False) as journal:
        return {one.entry.key: one.attempts for one in journal.listed()}


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_grades(tiny: Tiny, tmp_path: Path) -> None:
    few = {name: name for name in ("ada", "bob", "dan", "eve", "fay", "gus", "hal")}
    write_class(tiny, few)
    whole = Tiny(tmp_path / "whole")
    write_class(whole, few)
    assert batch(whole).returncode == 0
    chance = random.Random(3)
    for done in (0, 1, 2, 4):
        run = start(tiny, "--jobs", "2")
        while run.poll() is None and finished(tiny) < done:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.3))
        assert run.poll() is None, "there is more to do"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert start(tiny, "--jobs", "2").wait(timeout=240) == 0
    assert graded(tiny) == graded(whole)
    assert (tiny.root / "grades/grades.csv").read_bytes() == (whole.root / "grades/grades.csv").read_bytes()
    assert set(attempts(tiny).values()) <= {0, 1}  # 0: nothing to grade in it


def test_an_interrupted_run_says_how_to_go_on_and_skips_what_is_done(tiny: Tiny) -> None:
    write_class(tiny, {name: name for name in ("ada", "bob", "eve", "fay", "gus", "hal")})
    run = start(tiny, "--jobs", "1")
    while not (tiny.root / "grades" / "submissions").is_dir():
        assert run.poll() is None
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130
    done = len(graded(tiny))
    assert 1 <= done < 7
    then = batch(tiny)
    assert then.returncode == 0 and "were graded before" in then.stderr
    assert len(graded(tiny)) == 7 and set(attempts(tiny).values()) <= {0, 1}
    assert "6" not in batch(tiny, "--again").stderr  # nothing is skipped but what holds nothing
    assert set(attempts(tiny).values()) <= {0, 2}


def test_a_folder_with_the_grades_of_another_assignment_stays_as_it_is(tiny: Tiny) -> None:
    write_class(tiny, {"ada": "ada"})
    assert batch(tiny).returncode == 0
    kept = {path: path.read_bytes() for path in (tiny.root / "grades").rglob("*.[cj]s*")}
    shutil.copytree(tiny.assignment, tiny.assignment.parent / "other")
    shutil.copytree(tiny.reference, tiny.reference.parent / "other")
    tiny.write("assignments/other/assignment.toml", MANIFEST.replace("points = 2", "points = 5"))
    arguments = ["batch", "other", str(tiny.root / "class"), "--root", str(tiny.root)]
    run = command(*arguments, "--out", str(tiny.root / "grades"))
    assert run.returncode == 2 and "holds gradings of tiny, not of other" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in kept} == kept


def test_one_submission_stops_no_run_and_one_that_is_gone_is_no_student_s_fault(tiny: Tiny) -> None:
    folder = write_class(tiny, {"ada": "ada", "bob": "bob"})
    (folder.parent / "all.zip").write_bytes(b"PK")
    spec = GraderSpec(str(tiny.root), "tiny", strict=False)
    gone = ListedSubmission("gone", folder / "nobody", submitters=(Submitter("Ada Lovelace", "1", "ada@x.edu"),))
    assert "Lovelace" not in json.dumps(job_of(spec, gone)), "who handed it in is nothing that a grader must know"
    zipped = ListedSubmission("zipped", folder.parent / "all.zip", inside="nobody")
    try:
        for listed in (gone, zipped):
            found = graded_of(listed.key, run_job(job_of(spec, listed)))
            assert (found.status, found.fault) == (GradingStatus.AGAIN, Fault.SYSTEM) and found.why
        found = graded_of("ada", run_job(job_of(spec, ListedSubmission("ada", folder / "ada"))))
        assert found.is_final and found.result is not None and found.result.points == 6
    finally:
        end_all()


def test_the_last_and_the_best_of_a_student_s_submissions(tiny: Tiny) -> None:
    write_class(tiny, {"ada": "first", "bob": "second"})
    tiny.write(
        "class.csv",
        "path,name,sid,created_at\nclass/first,Ada,1,2026-01-01T10:00:00Z\nclass/second,Ada,1,2026-01-02T10:00:00Z\n",
    )
    for which, key in (("last", "second"), ("best", "first"), ("all", None)):
        arguments = ["batch", "tiny", str(tiny.root / "class.csv"), "--root", str(tiny.root), "--latest", which]
        out = tiny.root / which
        assert command(*arguments, "--out", str(out), "--sandbox", "best-effort").returncode == 0
        rows = [row["key"] for row in csv.DictReader((out / "grades.csv").open(encoding="utf-8"))]
        assert rows == ([key] if key else ["first", "second"])


def test_what_cannot_be_graded_at_all_is_one_line(tiny: Tiny) -> None:
    write_class(tiny, {"ada": "ada"})
    tiny.write("assignments/tiny/checks/hidden/test_hidden.py", "def test_x(:\n")
    run = batch(tiny)
    assert run.returncode in (1, 2) and "Traceback" not in run.stderr and "test_hidden" in run.stdout + run.stderr
    for arguments, says in (
        (["batch", "tinny", "."], "tinny"),
        (["batch", "tiny", str(tiny.root / "nothing")], "there is no such file or folder"),
        (["batch", "tiny", str(tiny.root / "class"), "--only", "one.duble"], "did you mean"),
        (["batch", "status", str(tiny.root)], "journal"),
    ):
        wrong = command(*arguments, *(["--root", str(tiny.root)] if "status" not in arguments else []))
        assert wrong.returncode == 2 and len(wrong.stderr.strip().splitlines()) == 1 and says in wrong.stderr
