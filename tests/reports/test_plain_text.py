"""The words of a report: everything about public checks, nothing about hidden ones but what the instructor wrote."""

from __future__ import annotations

import pytest

from autograder.reports.plain_text import (
    PART_LIMIT,
    PROVISIONAL,
    check_parts,
    item_text,
    next_steps,
    total_line,
    unwritten,
)
from autograder.results import CheckResult, Failure, Kind, Outcome
from tests.reports.samples import (
    HIDDEN_KL,
    KL,
    SECRET,
    TRACEBACK,
    check,
    failed_check,
    hidden_check,
    item,
    noted_check,
    sample,
)


def test_public_failure_shows_every_part() -> None:
    text = item_text(item("vae.kl", Outcome.FAIL, 0, 2, checks=(failed_check(),)))
    for words in (
        "0 of 2 points, 0 of 1 check passed",
        f"✗ {KL} (worth 2 points)",
        "too large by a factor of about 2",
        "call:     DiagonalGaussianDistribution(mean, logvar).kl()",
        "inputs:\n    mean = tensor([[0., 1.],\n                   [2., 3.]])\n    logvar",
        "expected: tensor([0.5000, 6.5000])",
        "got:      tensor([ 1., 13.])",
        "worst:    [1]: expected 6.5, got 13.0",
        "hint:     Each coordinate contributes one HALF",
    ):
        assert words in text


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.BLOCKED, Outcome.ERROR])
def test_hidden_check_shows_title_and_hint_alone(outcome: Outcome) -> None:
    text = item_text(item("vae.kl", outcome, 0, 2, checks=(hidden_check(outcome),)))
    assert HIDDEN_KL in text and "hidden check, worth 2 points" in text
    assert "Which dimension do you sum over?" in text
    assert SECRET not in text and "Traceback" not in text


def test_errors_of_the_grader_say_nothing_of_the_reference() -> None:
    broken = check(Outcome.ERROR, failure=Failure(summary=SECRET), staff_note=TRACEBACK)
    text = item_text(item("vae.kl", Outcome.ERROR, 0, 2, checks=(broken,)))
    assert PROVISIONAL in text and "could not be graded" in text
    assert SECRET not in text and "Traceback" not in text


def test_provisional_check_is_named_in_an_item_that_failed() -> None:
    text = item_text(item("vae.kl", Outcome.FAIL, 0, 2, checks=(failed_check(), check(Outcome.BLOCKED, number=5))))
    assert text.count(PROVISIONAL) == 1


def test_item_that_passed_lists_its_checks() -> None:
    assert f"✓ {KL}" in item_text(item("vae.kl", Outcome.PASS, 2, 2, checks=(check(),)))


def test_parts_are_bounded_and_clean() -> None:
    failure = Failure(summary="\x1b[31mred\x00", got="x" * 10_000_000)
    sentence, got = check_parts(check(Outcome.FAIL, failure=failure))
    assert sentence.text == "red\\x00"
    assert len(got.text) <= PART_LIMIT and "characters left out" in got.text


def test_weights_divide_the_points() -> None:
    text = item_text(item("vae.kl", Outcome.FAIL, 0, 2, checks=(failed_check(), hidden_check())))
    assert "worth 0.5 points" in text and "worth 1.5 points" in text


def test_people_grade_what_the_grader_does_not() -> None:
    assert "People grade this part, worth 4 points;" in item_text(item("a", None, 0, 4))
    assert "worth 1 point of extra credit;" in item_text(item("a", None, 0, 1, extra_credit=True))
    assert "Not graded" in item_text(item("a", None, 0, 0, kind=Kind.UNGRADED))


def test_totals_and_next_steps() -> None:
    assert total_line(sample()) == (
        "3.4 of 7 points given by the grader, 2 of them extra credit; people grade another 4."
    )
    steps = next_steps(sample())
    assert "start with vae.kl. 1 item failed, 1.6 points to gain" in steps
    assert "To be graded again, nothing for you to do: ddpm.p_losses." in steps
    assert "nothing is left to fix" in next_steps(sample(items=(item("a", Outcome.PASS, 1, 1),)))


def test_own_tries_end_with_what_the_public_checks_say() -> None:
    passed = sample(items=(item("a", Outcome.PASS, 1, 1),), public_only=True)
    assert next_steps(passed) == "Next: nothing; every public check that was run passes."
    failed = sample(items=(item("a", Outcome.FAIL, 0, 1, checks=(failed_check(),)),), public_only=True)
    assert "start with a. 1 item failed" in next_steps(failed)


def stub(name: str, *, unwritten: bool = True) -> CheckResult:
    return check(
        Outcome.FAIL,
        failure=Failure(summary=f"{name}() is not implemented yet", got="vae.py, line 5: raise X", unwritten=unwritten),
    )


def test_an_unwritten_item_is_one_sentence() -> None:
    text = item_text(item("vae.kl", Outcome.FAIL, 0, 2, checks=(stub("kl"), hidden_check())))
    assert text == "0 of 2 points, 0 of 2 checks passed\n\nkl() is not implemented yet (vae.py, line 5)"
    several = item("vae.kl", Outcome.FAIL, 0, 2, checks=(stub("kl"), stub("nll"), stub("kl")))
    assert unwritten(several).count("is not implemented yet (vae.py, line 5)") == 2


def test_no_words_of_a_submission_make_it_unwritten() -> None:
    said = item("vae.kl", Outcome.FAIL, 0, 2, checks=(stub("kl", unwritten=False),))
    assert unwritten(said) == "" and "✗" in item_text(said)
    begun = item("vae.kl", Outcome.FAIL, 1, 2, checks=(stub("kl"), check()))
    assert unwritten(begun) == ""


def test_the_next_step_is_what_is_written_and_wrong() -> None:
    blank = item("a", Outcome.FAIL, 0, 1, checks=(stub("f"),))
    wrong = item("b", Outcome.FAIL, 0, 2, checks=(failed_check(),))
    text = next_steps(sample(items=(blank, wrong, blank.model_copy(update={"id": "c"}))))
    assert "start with b. 1 item failed and 2 items are not written yet, 4 points to gain" in text
    assert "start with a. 1 item is not written yet" in next_steps(sample(items=(blank,)))


def test_a_note_about_right_code_is_told_where_its_check_is_public() -> None:
    told = [item_text(item("vae.kl", Outcome.PASS, 2, 2, checks=(noted_check(public=it),))) for it in (True, False)]
    assert "Note: kl copies its mean: Costs no points." in told[0] and "kl copies" not in told[1]
    assert "Measured" not in told[0]
