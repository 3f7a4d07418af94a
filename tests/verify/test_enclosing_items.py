"""Mutants of items without blanks of their own: they lie in blanks of other items, and may cost these."""

from __future__ import annotations

from autograder.verify.matrix import ProblemKind
from autograder.verify.reporting.pages import page
from tests.verify.proving import COMPLETE, Proving, mutant, told

WHOLE = '[[items]]\nid = "two.whole"\ntitle = "All"\npoints = 1\nkind = "auto"\nfile = "two.py"\n'
CHECK = """
@item("two.whole")
def test_whole(two):
    assert_close(two.shift(torch.ones(2)) - two.shift(torch.zeros(2)), torch.ones(2))
"""
STILL = mutant("still", "two.whole", "return x + ONE", "return 0 * x")


def proving(tmp_path, catalogue, check=CHECK):
    """The tiny rubric with an item that has no blanks, and a check that sees whether `shift` moves."""
    made = Proving(tmp_path, COMPLETE + catalogue)
    manifest = tmp_path / "assignments/tiny/assignment.toml"
    manifest.write_text(f"{manifest.read_text()}{WHOLE}")
    made.add_check("whole", check)
    return made


def test_a_bug_may_cost_the_item_that_it_lies_in(tmp_path):
    report = proving(tmp_path, STILL).verify()
    assert report.passed, report.problems
    (row,) = (row for row in report.rows if row.name == "still")
    assert row.own == "two.whole" and row.enclosing_items == ("two.shift",)
    assert row.cell("two.shift").failed and row.cell("two.whole").failed and row.sees == "right"
    assert "bad" not in page(report).split("<code>still</code>")[1].split("</tr>")[0]
    assert all(not other.enclosing_items for other in report.rows if other.name != "still")


def test_the_item_must_see_it_all_the_same(tmp_path):
    found = told(proving(tmp_path, STILL + mutant("minus-one", "two.whole", "x + ONE", "x - ONE")).verify())
    assert list(found) == [ProblemKind.SURVIVOR]
    assert "mutant 'minus-one': passes all checks of two.whole" in found[ProblemKind.SURVIVOR][0]


def test_an_item_without_blanks_needs_mutants_too(tmp_path):
    assert told(proving(tmp_path, "").verify()) == {
        ProblemKind.UNPROVED_ITEM: ["two.whole: has no mutant; add a mutant for it"]
    }


def test_a_bug_beside_all_blanks_may_cost_nothing_else(tmp_path):
    beside = mutant("beside", "two.whole", "return x + ONE", "return 0 * x").rstrip()
    beside += '\nalso = [{ old = "from given import ONE", new = "ONE = 3.0" }]\n'
    found = told(proving(tmp_path, STILL + beside).verify())
    assert "a bug of two.whole costs" in found[ProblemKind.BLAST_RADIUS][0]
    assert "mutant 'beside'" in found[ProblemKind.BLAST_RADIUS][0]


def test_a_bug_may_lie_in_several_items(tmp_path):
    spread = mutant("spread", "one.all", "return x * 2", "return 0 * x").rstrip()
    spread += '\nalso = [{ old = "return double(double(x))", new = "return 0 * x" }]\n'
    whole = WHOLE.replace("two", "one").replace("whole", "all")
    check = CHECK.replace("two.whole", "one.all").replace("(two)", "(one)").replace("two.shift", "one.quadruple")
    made = Proving(tmp_path, COMPLETE + spread)
    manifest = tmp_path / "assignments/tiny/assignment.toml"
    manifest.write_text(f"{manifest.read_text()}{whole}")
    made.add_check("all", check.replace("torch.ones(2))\n", "4 * torch.ones(2))\n"))
    report = made.verify()
    (row,) = (row for row in report.rows if row.name == "spread")
    assert row.enclosing_items == ("one.double", "one.quadruple")
    assert row.cell("one.double").failed and row.cell("one.quadruple").failed
    assert not any("'spread'" in str(problem) for problem in report.problems)
