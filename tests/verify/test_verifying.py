"""What a verification grades and records: the matrix itself, the scope of one item, the number of jobs."""

from __future__ import annotations

import json
import os

import pytest

from autograder.errors import UserError
from autograder.grading.grader_error import GraderError
from autograder.mutants import read_catalogue
from autograder.sandbox.trusted.example import size_of
from autograder.verify.execution.pool import do_all
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.matrix import Role, Sees
from autograder.verify.mutation import trial
from autograder.verify.mutation.equivalence import INPUTS, chunks_of
from autograder.verify.mutation.trial import TrialContext, try_variant
from autograder.verify.mutation.variants import mutants, reached_files
from autograder.verify.reporting.messages import messages_of
from tests.verify.proving import COMPLETE, ONE, SUM, Proving, mutant

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(scope="module")
def proving(tmp_path_factory):
    proving = Proving(tmp_path_factory.mktemp("course"), COMPLETE + SUM)
    proving.alternative("added", two="def shift(x):\n    return 1 + x\n")
    return proving


@pytest.fixture(scope="module")
def data(proving):
    return json.loads(proving.verify("one.double").model_dump_json())


def test_the_json_of_a_report(data):
    assert (data["version"], data["slug"], data["scope"], data["passed"]) == (2, "tiny", "one.double", True)
    assert {row["name"]: row["role"] for row in data["rows"]} == {
        "reference": "reference",
        "template": "template",
        "triple": "mutant",
        "half": "mutant",
        "sum": "equivalent",
    }
    triple = next(row for row in data["rows"] if row["name"] == "triple")
    own, other = triple["cells"]
    assert other["item"] == "one.quadruple" and other["lost"] == 0 and other["killed_by"] == []
    assert own["item"] == "one.double" and own["lost"] == 2.0 and own["killed_by"] == ["p1", "h1"]
    assert "1.5 times" in own["note"]
    assert (triple["own"], triple["misconception"], triple["files"]) == ("one.double", "why triple", ["one.py"])
    assert (triple["shown"], triple["sees"], triple["twins"]) == ("triple", "right", [])
    assert [(check["label"], check["id"], check["kills"]) for check in data["checks"]][:2] == [
        ("p1", "public/test_public.py::test_double", 2),
        ("h1", "hidden/test_hidden.py::test_hidden_double", 2),
    ]
    (claim,) = data["claims"]
    assert claim["mutant"] == "sum" and claim["inputs"] >= 200 and claim["difference"] == ""


def test_a_bug_outside_of_the_marks_is_graded_on_all_items(tmp_path):
    proving = Proving(tmp_path, COMPLETE + mutant("late", "one.double", "def quadruple(x):", "def quadruple(x, y):"))
    row = next(row for row in proving.verify("one.double").rows if row.name == "late")
    assert [cell.item for cell in row.cells] == ["one.double", "one.quadruple"] and row.cells[1].failed


def test_all_variants_on_all_items_that_they_can_reach(tmp_path):
    proving = Proving(tmp_path)
    proving.alternative("added", two="def shift(x):\n    return 1 + x\n")
    report = proving.verify()
    graded = {(row.role, row.name): [cell.item for cell in row.cells] for row in report.rows}
    assert graded == {
        (Role.REFERENCE, "reference"): ["one.double", "one.quadruple", "two.shift"],
        (Role.TEMPLATE, "template"): ["one.double", "one.quadruple", "two.shift"],
        (Role.ALTERNATIVE, "added"): ["two.shift"],
        (Role.MUTANT, "triple"): ["one.double", "one.quadruple"],
        (Role.MUTANT, "half"): ["one.double", "one.quadruple"],
        (Role.MUTANT, "once"): ["one.double", "one.quadruple"],
        (Role.MUTANT, "minus"): ["two.shift"],
    }
    assert report.model_dump_json() == proving.verify(jobs=2).model_dump_json()


def test_files_that_import_the_changed_one_are_reached(proving):
    assert reached_files(proving.loaded, "one.py") == {"one.py"}
    two = proving.reference / "two.py"
    text = two.read_text()
    two.write_text("from one import double\n" + text)
    assert reached_files(proving.loaded, "one.py") == {"one.py", "two.py"}
    two.write_text(text)


def test_a_claim_is_tried_on_ten_thousand_inputs_of_all_checks_of_its_item(proving):
    found, _ = mutants(proving.loaded, read_catalogue(proving.loaded))
    context = TrialContext(CheckSuite.collect(proving.loaded), read_catalogue(proving.loaded), proving.root)
    (variant,) = [variant for variant in found if variant.role is Role.EQUIVALENT]
    chunks = chunks_of(context, variant, INPUTS)
    assert sum(chunk.inputs for chunk in chunks) >= INPUTS == 10_000
    assert {chunk.check.id for chunk in chunks} == {
        check.id for check, _ in context.suite.checks if "double" in check.id
    }


def test_what_known_mistakes_reply_is_asked_once_where_nothing_is_drawn(tmp_path, monkeypatch):
    proving = Proving(tmp_path, COMPLETE)
    check = "def test_three(one):\n    assert_close(one.double(torch.full((1,), 3.0)), torch.full((1,), 6.0))\n"
    proving.add_check("three", f'@item("one.double")\n{check}')
    suite, catalogue = CheckSuite.collect(proving.loaded), read_catalogue(proving.loaded)
    found = mutants(proving.loaded, catalogue)[0]
    wrong = [v.on(["one.double"]) for v in found if v.own == "one.double" and v.role is Role.MUTANT]
    alone = [try_variant(TrialContext(suite, catalogue, tmp_path), variant) for variant in wrong]
    assert [row.sees for row in alone] == [Sees.RIGHT, Sees.RIGHT]
    context = TrialContext(suite, catalogue, tmp_path)
    assert [try_variant(context, variant) for variant in wrong] == alone
    known = dict(context.explainer._known)
    assert known and [try_variant(context, variant) for variant in wrong] == alone
    again = dict(context.explainer._known)
    assert again.keys() == known.keys() and all(again[example] is known[example] for example in known)
    monkeypatch.setattr(trial, "MAX_KNOWN_BYTES", sum(map(size_of, known.values())) - 1)
    small = TrialContext(suite, catalogue, tmp_path)
    assert [try_variant(small, variant) for variant in wrong] == alone
    assert 0 < len(small.explainer._known) < len(known)


DRAWN = """
from autograder.checks import assert_close, given, item, tensors

@item("one.double")
@given(examples=40, x=tensors((1, 60)))
def test_drawn(one, x):
    assert_close(one.double(x), 2 * x)
"""


@pytest.mark.thorough
def test_a_mistake_reads_as_it_does_when_it_is_handed_in(tmp_path):
    """With the smallest example that was found, which is not the first that fails."""
    wrong = "return (x * 2).clamp(max=5)"
    proving = Proving(tmp_path, COMPLETE + mutant("clamped", "one.double", "return x * 2", wrong))
    proving.write("assignments/tiny/checks/public/test_drawn.py", DRAWN)
    report = proving.verify("one.double")
    reads = {row.name: row.reads for row in report.of_role(Role.MUTANT)}
    assert reads.keys() == {"triple", "half", "clamped"}
    for name, line in (("triple", "return x * 3"), ("clamped", wrong)):
        run = proving.grade(proving.hand_in(one=ONE.replace("return x * 2", line)), "--grading-seed", trial.SEED)
        assert run.output("one.double") == reads[name]
    assert "look again at triple" in reads["triple"] and "expected" in reads["triple"]
    text = messages_of(report)
    assert text.index("# one.double: ") < text.index("## triple\n\n  why triple\n\n") < text.index("## half\n")
    assert all(line.strip() in text for line in reads["half"].splitlines())


def test_an_item_that_is_not_automatic_is_misuse(proving):
    with pytest.raises(UserError, match="'report' is no auto item"):
        proving.verify("report")


def test_a_task_that_ends_its_process_or_breaks_is_named():
    with pytest.raises(GraderError, match="second: no result, its process ended with status 3"):
        do_all(["first", "second"], lambda number: os._exit(3) if number else number, 1, lambda number, answer: None)
    with pytest.raises(GraderError, match=r"(?s)first: could not be graded:.*ZeroDivisionError"):
        do_all(["first"], lambda number: 1 // number, 1, lambda number, answer: None)
    ticks: list[None] = []
    assert do_all(list("abc"), lambda number: number * 2, 2, lambda number, answer: ticks.append(answer)) == [0, 2, 4]
    assert len(ticks) == 3
