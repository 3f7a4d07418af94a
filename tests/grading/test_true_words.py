"""What is said and counted where the instructor's own side is at fault."""

from __future__ import annotations

import json

import pytest

from autograder.assignment import read_manifest
from autograder.checks import given, item, tensors
from autograder.errors import UserError
from tests.submission.toy import CODE, hand_in
from tests.tiny import HIDDEN, MANIFEST, Tiny

pytestmark = pytest.mark.usefixtures("warm")


@pytest.mark.parametrize("points", ['"2"', "true", "1e308", "nan", "-1"])
def test_points_are_numbers(tmp_path, points):
    path = tmp_path / "assignment.toml"
    path.write_text(MANIFEST.replace("points = 2", f"points = {points}"))
    with pytest.raises(UserError, match=r"item 'one\.double', points"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"one.py", "two.py"', '"one.py", "two.py", "two.py"', "'two.py' is named twice"),
        ('required = ["one.py"', 'optional = ["one.ipynb"]\nrequired = ["one.py"', "would be one module"),
        ("call_seconds = 2", 'call_seconds = "2"', "limits.call_seconds"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused_as_such(tmp_path, old, new, why):
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace(old, new))
    run = tiny.grade(tiny.hand_in())
    assert run.status == 2 and why in run.stderr and run.results == {}


@pytest.mark.parametrize("weight", [0, float("inf"), float("nan"), 1e400, True, "2"])
def test_a_weight_is_finite(weight):
    with pytest.raises(ValueError, match="must be positive and finite"):
        item("one.double", weight=weight)


@pytest.mark.parametrize("examples", [0, -1, True, 2.5, "3"])
def test_a_check_has_an_example(examples):
    with pytest.raises(ValueError, match="examples must be a number from 1"):
        given(examples=examples, x=tensors(3))


def test_two_files_of_one_name_in_two_folders_cost_no_student_anything(tmp_path):
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace('"two.py"]', '"two.py", "part2/one.py"]'))
    run = tiny.grade(tiny.hand_in())
    assert run.status == 2 and "['one.py', 'part2/one.py'] would be one module" in run.stderr and run.results == {}


def test_thirds_add_up(tmp_path):
    tiny = Tiny(tmp_path)
    third = "points = 0.33333333"
    manifest = MANIFEST.replace("points = 2", third).replace("points = 3", third).replace("points = 1", third)
    tiny.write("assignments/tiny/assignment.toml", manifest)
    assert tiny.grade(tiny.hand_in()).results["score"] == 1.0


def test_a_broken_check_is_the_graders_fault_in_every_sentence(tmp_path):
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/checks/hidden/test_hidden.py", HIDDEN.replace("x.double() * 2", "SECRET_NAME"))
    run = tiny.grade(tiny.hand_in())
    output = run.output("one.double")
    assert run.outcomes["one.double"] == "ERROR" and run.status == 1
    assert "a check of the grader broke here, which says nothing about your work" in output
    assert "1 of 2 checks passed, 1 could not be graded" in output
    assert "no check of this item was run" not in output and "SECRET" not in output


def test_an_item_without_a_check_is_an_error_and_the_platforms_points_are_compared(tmp_path):
    tiny = Tiny(tmp_path)
    extra = '[[items]]\nid = "lost"\ntitle = "No check"\npoints = 1\nkind = "auto"\n'
    tiny.write("assignments/tiny/assignment.toml", MANIFEST + extra)
    metadata = tiny.write("meta.json", json.dumps({"assignment": {"total_points": "100.0"}}))
    run = tiny.grade(tiny.hand_in(), "--metadata", str(metadata))
    assert run.outcomes["lost"] == "ERROR" and run.status == 1
    assert "no check belongs to lost" in run.stderr and "has no check for this item" in run.output("lost")
    assert "Gradescope gives 100 points for this assignment, the rubric 11" in run.stderr


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tiny_stand_ins.py", "X = 1\n", "tiny_stand_ins.py: AttributeError"),
        ("tiny_stand_ins.py", "x = 1\nSTAND_INS = {}[1]\n", "tiny_stand_ins.py:2: KeyError"),
        ("test_hidden.py", "def test(:\n", "SyntaxError"),
    ],
)
def test_a_broken_module_of_the_assignment_is_one_line(tmp_path, name, text, said):
    tiny = Tiny(tmp_path)
    tiny.write(f"assignments/tiny/checks/hidden/{name}", text)
    run = tiny.grade(tiny.hand_in())
    assert run.status == 1 and "Traceback" not in run.stderr
    assert "the grader is broken, not the submission" in run.stderr and said in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert set(run.outcomes.values()) == {"ERROR"}
    for name in run.outcomes:
        assert "The grader broke, which says nothing about your work" in run.output(name)
        assert "Handing in again does not help: the course staff have to repair it" in run.output(name)


def test_code_fences_are_skipped_like_commands(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": f"```python\n{CODE}```\n"})
    assert submission.files["vae_solution.py"].syntax_error == ""
    assert "three backticks" in "".join(map(str, submission.notices))


def test_late_future_annotations_hold_for_later_cells(tmp_path):
    cells = [
        "from __future__ import annotations",
        f"def f(x: Later) -> Later:\n    return x\n{CODE}",
        "class Later: pass",
    ]
    text = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": cell} for cell in cells]})
    assert "Later" not in "".join(map(str, hand_in(tmp_path, {"vae_solution.ipynb": text}).notices))
