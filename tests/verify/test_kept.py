"""What was found out before is not found out again, unless something changed that has a say in it."""

from __future__ import annotations

import shutil

import pytest

from autograder.verify.kept import Kept
from autograder.verify.verifying import verify
from tests.verify.proving import COMPLETE, HALF, SUM, TRIPLE, Proving

PUBLIC = "assignments/tiny/checks/public/test_public.py"


class Counting(Kept):
    """Counts what is found out anew, by variant and item."""

    def __init__(self, path):
        super().__init__(path)
        self.new = []

    def keep(self, key, answer):
        super().keep(key, answer)
        cells = answer.get("cells", [{"item": answer.get("item", "")}])
        self.new += [(answer.get("name", answer.get("mutant")), cell["item"]) for cell in cells]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A course that was verified once, with what was kept of that; its report; and what was done."""
    proving = Proving(tmp_path_factory.mktemp("first"), COMPLETE)
    proving.alternative("added", two="def shift(x):\n    return 1 + x\n")
    return proving.root, *found(proving)


@pytest.fixture
def proving(first, tmp_path):
    shutil.copytree(first[0], tmp_path / "course")
    proving = Proving.__new__(Proving)
    proving.root, proving.assignment = tmp_path / "course", tmp_path / "course/assignments/tiny"
    return proving


def found(proving, item=""):
    """Verify with what is kept; return the report and what was done anew."""
    kept = Counting(proving.root / "kept.jsonl")
    report = verify(proving.loaded, item=item, kept=kept)
    return report, kept.new


def items(new):
    return {item for _, item in new}


def edit(proving, name, old, new):
    path = proving.root / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_nothing_is_done_twice_and_the_report_is_the_same(first, proving):
    _, report, done = first
    assert report.passed and len(done) == 3 + 3 + 1 + 4  # reference, template, alternative, mutants on their own items
    again, new = found(proving)
    assert again == report and new == []
    assert proving.verify() == report, "without anything kept, too"


def test_an_edit_of_a_check_costs_its_item_alone(proving):
    edit(proving, PUBLIC, '@item("two.shift")', '@item("two.shift", weight=0.25)')
    report, new = found(proving)
    assert items(new) == {"two.shift"} and len(new) >= 4
    assert report == proving.verify()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (PUBLIC, "\nSHARED = 3\n"),
        ("assignments/tiny/assignment.toml", "# changed\n"),
        ("assignments/tiny/checks/hidden/tiny_stand_ins.py", "\nMORE = 1\n"),
        ("solutions/tiny/one.py", "\nMORE = 1\n"),
    ],
)
def test_what_items_share_costs_all_that_share_it(proving, name, text):
    path = proving.root / name
    path.write_text((path.read_text(encoding="utf-8") if path.is_file() else "STAND_INS = {}\n") + text, "utf-8")
    report, new = found(proving)
    assert items(new) >= {"one.double", "one.quadruple"}
    assert ("two.shift" in items(new)) == (name != "solutions/tiny/one.py") and report.passed


def test_a_new_hint_costs_its_item_where_it_may_be_shown(proving):
    proving.catalogue(COMPLETE.replace("look again at triple", "look once more at triple"))
    report, new = found(proving)
    assert {name for name, _ in new} == {"triple", "half"}
    assert ("half", "one.double") in new and ("half", "one.quadruple") not in new
    assert "look once more at triple" in next(row.reads for row in report.rows if row.name == "triple")


def test_an_alternative_costs_itself(proving):
    proving.alternative("added", two="def shift(x):\n    return x + 1\n")
    _, new = found(proving)
    assert new == [("added", "two.shift")]


def test_one_item_uses_what_all_of_them_left(proving):
    _, new = found(proving, "two.shift")
    assert new == []


def test_claims_are_kept_in_parts(tmp_path):
    proving = Proving(tmp_path, TRIPLE + HALF + SUM)
    report, new = found(proving, "one.double")
    assert ("sum", "one.double") in new
    again, new = found(proving, "one.double")
    assert again == report and new == []


def test_an_interrupted_run_goes_on_and_a_broken_line_is_forgotten(first, proving):
    path = proving.root / "kept.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-3]) + lines[-3][:30], encoding="utf-8")
    report, new = found(proving)
    assert report == first[1] and len(new) == 3


def test_what_nobody_asked_for_is_dropped(proving):
    path = proving.root / "kept.jsonl"
    lines = path.read_text(encoding="utf-8").count("\n")
    proving.alternative("added", two="def shift(x):\n    return x + 1\n")
    found(proving)
    assert path.read_text(encoding="utf-8").count("\n") == lines
