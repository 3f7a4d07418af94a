"""Every kind of problem is found, alone, in a rubric that is otherwise proved."""

from __future__ import annotations

import pytest

from autograder.errors import UserError
from autograder.verify.handout_points import handout_problems
from autograder.verify.matrix import ProblemKind, Role
from autograder.verify.reporting.tables import tracebacks
from tests.verify.proving import COMPLETE, HALF, MINUS, ONCE, ONE, SUM, TRIPLE, Proving, mutant, told


def only(proving: Proving, kind: ProblemKind, item: str = "") -> str:
    """Verify, and return the one line of the one problem that there must be."""
    found = told(proving.verify(item))
    assert list(found) == [kind], found
    (line,) = found[kind]
    return line


def test_nothing_speaks_against_a_rubric_that_is_proved(tmp_path):
    proving = Proving(tmp_path, COMPLETE)
    proving.alternative("added", one=ONE.replace("x * 2", "x + x"))
    report = proving.verify()
    assert report.passed and not report.problems
    assert [row.lost for row in report.of_role(Role.ALTERNATIVE)] == [0.0]


def test_a_mutant_that_survives(tmp_path):
    proving = Proving(tmp_path, COMPLETE + mutant("sly", "two.shift", "x + ONE", "x.clone() + ONE"))
    line = only(proving, ProblemKind.SURVIVOR)
    assert line.startswith("mutants.toml: mutant 'sly': passes all checks of two.shift; add a check")


def test_a_mutant_that_costs_points_of_another_item(tmp_path):
    proving = Proving(tmp_path)
    proving.write("assignments/tiny/checks/hidden/tiny_stand_ins.py", "STAND_INS = {}\n")
    found = told(proving.verify())
    lines = found.pop(ProblemKind.BLAST_RADIUS)
    assert not found and len(lines) == 2
    assert "mutant 'triple': a bug of one.double costs 3 points of one.quadruple: public/test_public.py" in lines[0]
    assert told(proving.verify("one.double"))[ProblemKind.BLAST_RADIUS] == lines


def test_a_check_that_kills_nothing(tmp_path):
    proving = Proving(tmp_path)
    proving.add_check(
        "idle", '@item("two.shift", weight=0.1)\ndef test_idle(two):\n    two.shift(torch.ones(1)).shape[0] == 1\n'
    )
    assert only(proving, ProblemKind.IDLE_CHECK).startswith(
        "hidden/test_idle.py::test_idle: kills no mutant of two.shift"
    )


def test_an_item_without_mutants(tmp_path):
    assert only(Proving(tmp_path, TRIPLE + HALF + MINUS), ProblemKind.UNPROVED_ITEM) == (
        "one.quadruple: has no mutant; add a mutant for it"
    )


def test_an_item_without_checks(tmp_path):
    proving = Proving(tmp_path)
    public = tmp_path / "assignments/tiny/checks/public/test_public.py"
    public.write_text(public.read_text().split('@item("two.shift")')[0])
    assert only(proving, ProblemKind.UNPROVED_ITEM) == "two.shift: has no check; add a check for it"


def test_an_alternative_that_loses_a_point(tmp_path):
    proving = Proving(tmp_path)
    proving.alternative("good", two="def shift(x):\n    return 1 + x\n")
    proving.alternative("lossy", one=ONE.replace("x * 2", "x.round() * 2"))
    found = told(proving.verify())
    (line,) = found.pop(ProblemKind.ALTERNATIVE)
    assert not found
    assert "alternative 'lossy': loses 2 points of one.double: public/test_public.py::test_double" in line


def test_an_alternative_that_has_none_of_the_files_is_misuse(tmp_path):
    proving = Proving(tmp_path)
    proving.alternative("stray", three="")
    with pytest.raises(UserError, match=r"stray: none of one\.py, two\.py is in it"):
        proving.verify()


def test_a_reference_that_loses_a_point(tmp_path):
    proving = Proving(tmp_path)
    proving.add_check(
        "strict",
        '@item("two.shift", weight=0.5)\n@given(x=tensors(2))\ndef test_strict(two, x):\n'
        "    assert_close(two.shift(x), x.double() + 1.5)\n",
    )
    found = told(proving.verify())
    assert "reference 'reference': loses 0.3333 points of two.shift" in found[ProblemKind.REFERENCE][0]
    assert "test_strict (" in found[ProblemKind.REFERENCE][0]
    assert ProblemKind.FAULT not in found, "the cause is told once"


def test_a_check_that_fails_on_the_reference_only_where_a_mutant_fails(tmp_path):
    """Its first example is right, and so the reference passes; a mutant fails on the first, and finds a wrong one."""
    proving = Proving(tmp_path)
    proving.add_check(
        "late",
        '@item("two.shift", weight=0.5)\ndef test_late(two, seen=[]):\n    seen.append(1)\n'
        "    assert_close(two.shift(torch.ones(2)), torch.full((2,), 2.0 if len(seen) < 2 else 3.5).double())\n",
    )
    (line, *_) = told(proving.verify())[ProblemKind.FAULT]
    assert "test_late also fails on the reference, on the same example (" in line
    assert "the result is wrong at every entry: it is 2 everywhere" in line


RAISES = """
def width(value):
    return vaule.shape

@item("two.shift", weight=0.5)
def test_width(two):
    assert width(two.shift(torch.ones(2))) == (2,)

@item("one.double", weight=0.5)
@given(x=tensors(2))
def test_widths(one, x):
    assert width(one.double(x)) == (2,)
"""


def test_an_exception_of_a_check_is_told_once_and_nothing_else_is(tmp_path):
    proving = Proving(tmp_path)
    proving.add_check("raises", RAISES)
    proving.alternative("good", two="def shift(x):\n    return 1 + x\n")
    report = proving.verify()
    ((kind, lines),) = told(report).items()
    assert kind is ProblemKind.BROKEN and len(lines) == 1
    assert (
        "hidden/test_raises.py::test_widths, hidden/test_raises.py::test_width: raises NameError: name 'vaule'"
        in lines[0]
    )
    assert "is not defined (test_raises.py, line 6); fix the check" in lines[0] and not report.of_role(Role.MUTANT)
    text = tracebacks(report)
    assert text.startswith("hidden/test_raises.py::test_widths\n") and text.count("NameError") == 1
    assert "in test_widths" in text and "return vaule.shape" in text
    assert list(told(proving.verify("two.shift"))) == [ProblemKind.BROKEN]


def test_problems_of_one_cause_are_one_problem(tmp_path):
    proving = Proving(tmp_path)
    for name in ("first", "second", "third"):
        proving.alternative(name, one=ONE.replace("x * 2", "x.round() * 2"))
    (line,) = told(proving.verify("one.double"))[ProblemKind.ALTERNATIVE]
    assert line.startswith(
        "alternative 'first', alternative 'second', alternative 'third': loses 2 points of one.double"
    )


def test_an_alternative_without_a_new_function_is_told_so(tmp_path):
    proving = Proving(tmp_path)
    proving.alternative("old", one="def double(x):\n    return x + x\n")
    (line,) = told(proving.verify())[ProblemKind.ALTERNATIVE]
    assert "alternative 'old': loses 3 points of one.quadruple" in line
    assert "nothing in it is called quadruple: was that added to the item since?" in line


@pytest.mark.parametrize(("penalty", "said"), [("[0.0, 0.5]", "0 to 0.5"), ("[0.2, 0.99]", "0.2 to 0.99")])
def test_a_penalty_outside_of_its_band(tmp_path, penalty, said):
    proving = Proving(tmp_path, TRIPLE + HALF.replace("[1.0, 1.0]", penalty) + ONCE + MINUS)
    line = only(proving, ProblemKind.PENALTY)
    assert "mutant 'half': costs 1 of one.double (p1, h1)" in line and said in line


def test_a_claim_of_equivalence_that_is_false(tmp_path):
    proving = Proving(tmp_path, COMPLETE + SUM.replace("x + x", "x + x.clamp(min=-0.5)"))
    found = told(proving.verify("one.double"))
    assert list(found) == [ProblemKind.FALSE_CLAIM]
    killed, differs = found[ProblemKind.FALSE_CLAIM]
    assert "mutant 'sum': is said to be right, but loses 2 points of one.double" in killed
    assert "is said to be right, but in public/test_public.py::test_double, within " in differs


def test_a_claim_of_equivalence_that_only_the_gradients_break(tmp_path):
    """The checks look at values alone, but ask for gradients, so that the replies of reference and variant differ."""
    proving = Proving(tmp_path, COMPLETE + SUM.replace("x + x", "x.detach() + x"))
    proving.add_check(
        "gradients",
        "from autograder.checks import gradients\n\n"
        '@item("one.double", weight=0.5)\n@given(x=tensors(2))\ndef test_asks(one, x):\n'
        "    x = x.detach().requires_grad_(True)\n    y = one.double(x)\n"
        '    assert_close(y, 2 * x.detach().double(), name="double(x)")\n    gradients(y, [x])\n',
    )
    line = only(proving, ProblemKind.FALSE_CLAIM, "one.double")
    assert "test_asks, within" in line and "replies otherwise than the reference (relative distance" in line


def test_a_claim_of_equivalence_that_no_check_can_try(tmp_path):
    proving = Proving(
        tmp_path, TRIPLE + HALF + ONCE + MINUS + mutant("one", "two.shift", "x + ONE", "ONE + x", 'equivalent = "sum"')
    )
    public = tmp_path / "assignments/tiny/checks/public/test_public.py"
    head, _, tail = public.read_text().partition(
        '@item("two.shift")\n@given(examples=3, x=tensors(3))\ndef test_shift(two, x):'
    )
    public.write_text(f'{head}import torch\n\n@item("two.shift")\ndef test_shift(two, x=torch.ones(3)):{tail}')
    line = only(proving, ProblemKind.UNPROVED_CLAIM, "two.shift")
    assert "no check of two.shift draws inputs (@given)" in line


def test_a_mutant_that_does_not_fit_exactly_once(tmp_path):
    proving = Proving(tmp_path, COMPLETE + mutant("gone", "two.shift", "x + TWO", "x"))
    line = only(proving, ProblemKind.MISFIT)
    assert "mutant 'gone': two.py: 'x + TWO' is there 0 times; it must be there exactly once; copy `old` anew" in line


def test_a_mutant_that_raises_without_saying_so(tmp_path):
    broken = mutant("broken", "two.shift", "x + ONE", "x + MISSING")
    line = only(Proving(tmp_path / "a", COMPLETE + broken), ProblemKind.UNDECLARED_RAISE)
    assert "mutant 'broken': is seen in two.shift only as an exception" in line and "NameError" in line
    assert Proving(tmp_path / "b", COMPLETE + broken + "raises = true\n").verify().passed


def test_a_mutant_that_says_it_raises_and_does_not(tmp_path):
    line = only(Proving(tmp_path, TRIPLE + HALF + ONCE + MINUS + "raises = true\n"), ProblemKind.DECLARED_RAISE)
    assert "mutant 'minus': is declared to raise, but fails two.shift by a wrong answer" in line


def test_two_mutants_that_cannot_be_told_apart(tmp_path):
    proving = Proving(tmp_path, COMPLETE + mutant("thrice", "one.double", "x * 2", "x + x + x"))
    line = only(proving, ProblemKind.TWINS)
    assert "mutant 'triple': replies the same as 'thrice' wherever checks of one.double fail first" in line
    rows = {row.name: row for row in proving.verify().rows}
    assert rows["triple"].sees == rows["thrice"].sees == "none" and rows["half"].sees == "right"


NOISY = """
import torch

def shift(x):
    ### BEGIN SOLUTION
    noise = torch.randn(x.shape) if x.numel() > 1 else 0.0
    return x + noise
    ### END SOLUTION
"""
OF_NOISE = """
@item("two.shift")
def test_one_number(two):
    assert_close(two.shift(torch.ones(1)), torch.ones(1))

@item("two.shift")
def test_many(two):
    from autograder.checks import assert_standard_normal
    assert_standard_normal(two.shift(torch.ones(60, 60)) - 1)
"""


def test_two_mutants_that_only_the_same_draws_tell_apart(tmp_path):
    wider = mutant("scaled", "two.shift", "x + noise", "2 * x + noise")
    wider += mutant("all-scaled", "two.shift", "x + noise", "2 * x + 2 * noise")
    proving = Proving(tmp_path, wider)
    proving.write("solutions/tiny/two.py", NOISY)
    public = proving.assignment / "checks/public/test_public.py"
    public.write_text(public.read_text(encoding="utf-8").partition('@item("two.shift")')[0], encoding="utf-8")
    proving.add_check("noise", OF_NOISE)
    report = proving.verify("two.shift")
    rows = {row.name: row for row in report.of_role(Role.MUTANT)}
    assert {row.sees for row in rows.values()} == {"right"} and rows["scaled"].killers == rows["all-scaled"].killers
    assert ProblemKind.TWINS not in told(report)


def test_a_template_that_passes_a_check(tmp_path):
    proving = Proving(tmp_path)
    proving.add_check("free", '@item("two.shift", weight=0.5)\ndef test_free(two):\n    pass\n')
    found = told(proving.verify())
    (line,) = found[ProblemKind.TEMPLATE]
    assert "template 'template': passes hidden/test_free.py::test_free of two.shift with nothing written" in line


def test_a_baseline_that_earns_points(tmp_path):
    proving = Proving(tmp_path)
    proving.add_training()
    where = "assignments/tiny/checks/hidden/baselines.py"
    lucky = "lambda seed: 0.25 * (seed == 19)"
    proving.write(where, f'BASELINES = {{"two.train": {{"the mean": {lucky}, "noise": lambda seed: 0.0}}}}\n')
    (line,) = told(proving.verify("two.train"))[ProblemKind.BASELINE]
    assert line.startswith("baseline 'the mean': earns 0.25 of two.train")
    proving.write(where, 'BASELINES = {"two.trian": {}}\n')
    with pytest.raises(UserError, match=r"no item of training 'two.trian'; did you mean \"two.train\""):
        proving.verify()


TABLE = """# Tiny

## Everything (10 points)

| item | points | what |
|---|---|---|
| `one.double` | 2 | twice |
| `one.quadruple` + `two.shift` | 3 + 1 | four times, and one more |
| `report` | 4 | in words |
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| 2 |", "| 2.5 |", "handout.md: line 7 gives one.double 2.5, and the manifest 2; let both say the same"),
        ("`two.shift`", "`two.shfit`", "line 8 names an item 'two.shfit', which is not in the manifest; did you mean"),
        ("(10 points)", "(9 points)", "line 3 promises 9 points, and its items have 10"),
        (
            "| 3 + 1 |",
            "| many |",
            "line 8: '`one.quadruple` + `two.shift`' and 'many' are not items with one number each",
        ),
    ],
)
def test_points_of_the_handout_that_are_not_those_of_the_manifest(tmp_path, old, new, said):
    proving = Proving(tmp_path)
    proving.write("assignments/tiny/handout.md", TABLE)
    assert handout_problems(proving.loaded) == []
    proving.write("assignments/tiny/handout.md", TABLE.replace(old, new))
    assert said in str(handout_problems(proving.loaded)[0])


def test_a_verification_reads_the_handout(tmp_path):
    proving = Proving(tmp_path)
    proving.write("assignments/tiny/handout.md", TABLE.replace("| 2 |", "| 2.5 |"))
    assert ProblemKind.HANDOUT in told(proving.verify())
    assert ProblemKind.HANDOUT not in told(proving.verify("one.double")), "an item's verification counts for no release"
