"""What was found out before is not found out again, unless something changed that has a say in it."""

from __future__ import annotations

import pytest

from autograder.verify.kept import Kept
from autograder.verify.verifying import verify
from tests.verify.proving import COMPLETE, SUM, Proving

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


@pytest.fixture
def proving(tmp_path):
    proving = Proving(tmp_path, COMPLETE + SUM)
    proving.alternative("added", two="def shift(x):\n    return 1 + x\n")
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


def test_nothing_is_done_twice_and_the_report_is_the_same(proving):
    first, new = found(proving)
    assert first.passed and len(new) > 12
    again, new = found(proving)
    assert again == first and new == []
    assert proving.verify() == first, "without anything kept, too"


def test_an_edit_of_a_check_costs_its_item_alone(proving):
    found(proving)
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
    found(proving)
    path = proving.root / name
    path.write_text((path.read_text(encoding="utf-8") if path.is_file() else "STAND_INS = {}\n") + text, "utf-8")
    report, new = found(proving)
    assert items(new) >= {"one.double", "one.quadruple"}
    assert ("two.shift" in items(new)) == (name != "solutions/tiny/one.py")
    assert report == proving.verify()


def test_a_new_mistake_costs_its_item_where_it_may_change_hints(proving):
    found(proving)
    text = (COMPLETE + SUM).replace("look again at triple", "look once more at triple")
    proving.catalogue(text)
    report, new = found(proving)
    assert {name for name, _ in new} == {"triple", "half", "sum"}
    assert ("half", "one.double") in new and ("half", "one.quadruple") not in new
    assert report == proving.verify()


def test_an_alternative_costs_itself(proving):
    found(proving)
    proving.alternative("added", two="def shift(x):\n    return x + 1\n")
    _, new = found(proving)
    assert new == [("added", "two.shift")]


def test_one_item_and_all_of_them_share_what_is_kept(proving):
    _, alone = found(proving, "two.shift")
    _, rest = found(proving)
    assert alone and not set(alone) & set(rest) - {("sum", "one.double")}


def test_an_interrupted_run_goes_on_and_a_broken_line_is_forgotten(proving):
    report, new = found(proving)
    path = proving.root / "kept.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:4]) + lines[4][:30], encoding="utf-8")
    again, anew = found(proving)
    assert again == report and len(anew) == len(new) - 4


def test_what_nobody_asked_for_is_dropped(proving):
    found(proving)
    lines = (proving.root / "kept.jsonl").read_text(encoding="utf-8").count("\n")
    edit(proving, "solutions/tiny/two.py", "x + ONE", "ONE + x")
    proving.catalogue((COMPLETE + SUM).replace("x + ONE", "ONE + x").replace("x - ONE", "ONE - x"))
    found(proving)
    assert (proving.root / "kept.jsonl").read_text(encoding="utf-8").count("\n") == lines
