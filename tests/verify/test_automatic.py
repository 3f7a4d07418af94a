"""Automatic mutants of a tiny assignment: which there are, which survive, which are right after all."""

from __future__ import annotations

import json

import pytest

from autograder.errors import UserError
from autograder.mutants import read_catalogue
from autograder.verify.mutation.automatic import Fate, automatic_mutants, run_automatic
from tests.verify.proving import ONE, Proving

BLIND = '''
from autograder.checks import assert_tensor, given, item, tensors

@item("one.double")
@given(examples=2, x=tensors(3))
def test_double(one, x):
    """double(x) is a tensor of the shape of x."""
    assert_tensor(one.double(x), shape=(3,))
'''
NEUTRAL = ONE.replace("return x * 2", "return x * 2 - 0.0")
RECORDED = """
[[automatic]]
item = "one.double"
old = "return x * 2 - 0.0"
new = "return x * 2 + 0.0"
reason = "adding nothing is taking away nothing"
"""
LOOP = ONE.replace("    return x * 2", "    while True:\n        break\n    return x * 2")


def fates(report) -> dict[str, Fate]:
    return {graded.mutant.new: graded.fate for graded in report.graded}


def test_mutants_are_exact_edits_of_marked_regions(tmp_path):
    tiny = Proving(tmp_path)
    reference = (tiny.reference / "one.py").read_text()
    found = automatic_mutants(tiny.loaded, "one.double")
    assert {mutant.new for mutant in found} >= {"return x / 2", "return x", "return x * 4", "pass"}
    for mutant in found:
        assert mutant.old == "return x * 2" and mutant.text == reference.replace("return x * 2", mutant.new)
        assert f"-    {mutant.old}" in mutant.diff and f"+    {mutant.new}" in mutant.diff
    assert "one.double:7:14:arithmetic" in {mutant.id for mutant in found}
    everything = automatic_mutants(tiny.loaded)
    assert {mutant.item for mutant in everything} == {"one.double", "one.quadruple", "two.shift"}
    assert len({mutant.id for mutant in everything}) == len({mutant.text for mutant in everything}) == len(everything)


def test_every_statement_of_a_region_at_the_top_is_edited_in_its_place(tmp_path):
    tiny = Proving(tmp_path)
    table = "### BEGIN SOLUTION one.double\none = 1\ntwo = one + one\nthree = two + one\n### END SOLUTION\n"
    tiny.write("solutions/tiny/one.py", ONE + "\n\n" + table)
    reference = (tiny.reference / "one.py").read_text()
    found = [mutant for mutant in automatic_mutants(tiny.loaded, "one.double") if mutant.old != "return x * 2"]
    assert {mutant.new for mutant in found} >= {"one = 2", "two = one - one", "three = two - one", "three = two"}
    for mutant in found:
        assert mutant.text == reference.replace(f"\n{mutant.old}\n", f"\n{mutant.new}\n")


def test_good_checks_kill_all(tmp_path):
    report = run_automatic(Proving(tmp_path).loaded)
    assert report.kill_rate() == 1.0 and not report.of(Fate.SURVIVED)
    found = fates(report)
    assert found["return x / 2"] is Fate.KILLED
    assert next(graded.why for graded in report.graded if graded.mutant.item == "two.shift").endswith("::test_shift")


def test_blind_checks_let_wrong_values_survive(tmp_path):
    tiny = Proving(tmp_path)
    tiny.write("assignments/tiny/checks/public/test_public.py", BLIND)
    (tiny.assignment / "checks/hidden/test_hidden.py").unlink()
    report = run_automatic(tiny.loaded, "one.double")
    assert fates(report)["return x / 2"] is Fate.SURVIVED
    assert fates(report)["pass"] is not Fate.SURVIVED
    assert report.kill_rate("one.double") < 0.5
    saved = json.loads(report.as_json())
    assert saved["kill_rates"] == {"one.double": report.kill_rate()}
    assert any(entry["fate"] == "survived" and "+    return x / 2" in entry["diff"] for entry in saved["mutants"])


def test_what_is_recorded_as_equivalent_does_not_count(tmp_path):
    tiny = Proving(tmp_path, RECORDED)
    tiny.write("solutions/tiny/one.py", "\n\n" + NEUTRAL)
    report = run_automatic(tiny.loaded, "one.double")
    assert [graded.mutant.new for graded in report.of(Fate.EQUIVALENT)] == ["return x * 2 + 0.0"]
    assert report.of(Fate.EQUIVALENT)[0].why == "adding nothing is taking away nothing"
    assert [graded.mutant.new for graded in report.of(Fate.SURVIVED)] == ["return x * 2"]
    assert report.stale == ()


def test_one_reason_may_stand_for_several_edits_of_a_line(tmp_path):
    several = RECORDED.replace('new = "return x * 2 + 0.0"', 'new = ["return x * 2 + 0.0", "return x * 2", "return x"]')
    tiny = Proving(tmp_path, several)
    tiny.write("solutions/tiny/one.py", "\n\n" + NEUTRAL)
    report = run_automatic(tiny.loaded, "one.double")
    assert {graded.mutant.new for graded in report.of(Fate.EQUIVALENT)} == {"return x * 2 + 0.0", "return x * 2"}
    assert [entry.new for entry in report.stale] == [("return x",)]
    assert not report.of(Fate.SURVIVED)


def test_records_that_are_out_of_date_or_wrong_are_reported(tmp_path):
    wrong = RECORDED.replace("2 - 0.0", "2").replace("2 + 0.0", "4")
    report = run_automatic(Proving(tmp_path, RECORDED + wrong).loaded, "one.double")
    assert [entry.old for entry in report.stale] == ["return x * 2 - 0.0"]
    (refuted,) = report.of(Fate.REFUTED)
    assert refuted.mutant.new == "return x * 4" and refuted.why.endswith("double")


@pytest.mark.thorough
def test_a_mutant_that_runs_for_ever_is_killed_by_the_clock(tmp_path):
    tiny = Proving(tmp_path)
    tiny.write("solutions/tiny/one.py", LOOP)
    report = run_automatic(tiny.loaded, "one.double", jobs=2, seconds=4.0)
    slow = [graded for graded in report.graded if graded.why == "took too long"]
    assert [(graded.mutant.old, graded.mutant.new, graded.fate) for graded in slow] == [("break", "pass", Fate.RAISED)]
    assert report.kill_rate("one.double", strict=True) < report.kill_rate("one.double") < 1
    assert fates(report)["return x / 2"] is Fate.KILLED


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (RECORDED.replace("one.double", "one.dou"), "no auto item 'one.dou' with a file; did you mean"),
        (RECORDED.replace("reason", "raeson"), 'automatic 1, raeson: unknown key; did you mean "reason"?'),
        (RECORDED.partition("reason")[0], "automatic 1, reason: Field required"),
        (RECORDED.replace('"return x * 2 + 0.0"', "[]"), "automatic 1, new: "),
        (RECORDED.replace('"return x * 2 + 0.0"', '["x", 4]'), "give a text, or a list of texts"),
    ],
)
def test_wrong_records_are_one_line(tmp_path, entry, said):
    with pytest.raises(UserError) as raised:
        read_catalogue(Proving(tmp_path, entry).loaded)
    assert said in str(raised.value) and "mutants.toml" in str(raised.value)


def test_an_unknown_item_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no item 'one.triple'"):
        automatic_mutants(Proving(tmp_path).loaded, "one.triple")
