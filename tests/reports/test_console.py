"""The console report fits its console, interprets nothing that a submission wrote, and hides what is for staff."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console

from autograder.reports.console import render
from autograder.results import Failure, GradingResult, Notice, Outcome
from tests.reports.samples import KL, SECRET, check, hidden_check, item, noted_check, sample


def shown(result: GradingResult, *, width: int = 80, staff: bool = False, terminal: bool = False) -> str:
    """Return what is printed."""
    environment = {"TERM": "xterm-256color"}
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, _environ=environment)
    render(result, console, staff=staff)
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def flat(text: str) -> str:
    """Return text with its line breaks undone."""
    return " ".join(text.split())


def test_report_has_rubric_failures_notices_walls_and_next_steps() -> None:
    text = flat(shown(sample()))
    for words in (
        "VAE and DDPM on SVHN",
        "0.4 / 2 ✗ FAIL",
        "- / 4 people grade it",
        "? ERROR, provisional",
        "Faster sampler (extra credit)",
        "3.4 of 7 points given by the grader",
        "call DiagonalGaussianDistribution(mean, logvar).kl()",
        "worst [1]: expected 6.5, got 13.0",
        "vae_solution.py:12: a notebook command is ignored",
        "does not offer: Landlock (the kernel has it off)",
        "Next: start with vae.kl",
    ):
        assert words in text


def test_what_was_left_alone_is_counted_in_one_line() -> None:
    minor = Notice(text="a magic command was left out", minor=True)
    console = Console(file=io.StringIO(), width=200)
    render(sample(notices=(Notice(text="two.py is missing"), minor)), console, every_note=False)
    text = flat(console.file.getvalue())  # type: ignore[attr-defined]
    assert "two.py is missing" in text and "left out" not in text and "Landlock" not in text
    assert "2 notes on what was left alone; --notes shows them." in text


def test_aligned_tensors_stay_aligned() -> None:
    lines = shown(sample()).splitlines()
    first = next(line for line in lines if "mean = tensor([[0., 1.]," in line)
    second = lines[lines.index(first) + 1]
    assert second.index("[2., 3.]") == first.index("[0., 1.]")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_console(width: int) -> None:
    failure = Failure(summary="宽" * 500, got="x" * 3_000, inputs=("y = " + "é" * 300,), call="f(" + "長い" * 100 + ")")
    result = sample(items=(item("a." + "b" * 60, Outcome.FAIL, 0, 1, checks=(check(Outcome.FAIL, failure=failure),)),))
    text = shown(result, width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert text.count("x") >= 3_000


def test_markup_and_codes_of_a_submission_are_shown_as_text() -> None:
    failure = Failure(summary="[red]not markup[/red] [/nonsense] \x1b[2J", got="[link=http://x]y[/link]")
    notice = Notice(text="[bold]b[/bold]\x07")
    result = sample(
        items=(item("a", Outcome.FAIL, 0, 1, checks=(check(Outcome.FAIL, failure=failure),)),), notices=(notice,)
    )
    text = shown(result)
    assert "[red]not markup[/red] [/nonsense]" in text and "[link=http://x]y[/link]" in text
    assert "[bold]b[/bold]\\x07" in text and "\x1b" not in text


def test_colours_only_on_a_terminal() -> None:
    assert "\x1b" not in shown(sample())
    assert "\x1b[31m" in shown(sample(), terminal=True)


def test_students_see_nothing_that_is_for_staff() -> None:
    text = shown(sample())
    assert SECRET not in text and "Traceback" not in text and "kl-missing-half" not in text


def test_staff_see_notes_reasons_of_hidden_checks_and_the_mutant() -> None:
    text = shown(sample(items=(item("a", Outcome.FAIL, 0, 1, checks=(hidden_check(),)),)), staff=True)
    assert f"summary {SECRET}" in text and "ZeroDivisionError" in text
    assert "kl-missing-half" in shown(sample(), staff=True)


def test_console_without_unicode_gets_ascii() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True), width=80, _environ={})
    failure = Failure(summary="café …")
    render(sample(items=(item("a", Outcome.FAIL, 0, 1, checks=(check(Outcome.FAIL, failure=failure),)),)), console)
    assert b"x FAIL" in raw.getvalue() and b"caf\\xe9 ~" in raw.getvalue()


def test_passed_items_are_one_line_in_the_table() -> None:
    text = shown(sample(items=(item("a", Outcome.PASS, 1, 1, checks=(check(),)),)))
    assert KL not in text and "✓ PASS" in text


def test_an_item_whose_checks_all_met_the_same_stub_is_one_sentence() -> None:
    stub = Failure(
        summary="kl() is not implemented yet",
        call="DiagonalGaussianDistribution(...).kl()",
        inputs=("mean = a lot of numbers",),
        got="vae_solution.py, line 52: raise NotImplementedError",
        unwritten=True,
    )
    checks = (check(Outcome.FAIL, failure=stub), check(Outcome.FAIL, failure=stub, number=3), hidden_check())
    text = flat(shown(sample(items=(item("vae.kl", Outcome.FAIL, 0, 2, checks=checks),))))
    assert text.count("Not written yet: vae.kl kl() is not implemented yet (vae_solution.py, line 52)") == 1
    assert "0 / 2 · not written yet" in text and "FAIL" not in text
    assert "a lot of numbers" not in text and KL not in text
    partly = (checks[0], check(Outcome.FAIL, number=3, failure=stub.model_copy(update={"unwritten": False})))
    assert "a lot of numbers" in shown(sample(items=(item("vae.kl", Outcome.FAIL, 0, 2, checks=partly),)))


def test_a_students_own_try_is_not_called_a_grading() -> None:
    items = (
        item("vae.kl", Outcome.PASS, 2, 2, checks=(check(),)),
        item("vae.training", Outcome.BLOCKED, 0, 2, message="this is measured when you hand in"),
        item("vae.report", None, 0, 4),
    )
    text = flat(shown(sample(items=items, public_only=True, notices=(), walls=())))
    assert "2 of 4 points in the public checks; when you hand in, hidden checks run too and people grade" in text
    assert "? not tried" in text and "Not tried here: vae.training." in text
    assert "given by the grader" not in text and "rovisional" not in text and "graded again" not in text
    assert "vae.report" not in text
    assert "People grade this part, worth 4 points." in flat(shown(sample(items=items[2:], public_only=True)))


def test_report_needs_no_torch() -> None:
    code = "import autograder.reports.console, sys; assert not {'torch', 'numpy', 'pytest'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_note_about_an_item_that_passed_is_shown() -> None:
    text = flat(shown(sample(items=(item("vae.kl", Outcome.PASS, 2, 2, checks=(noted_check(),)),))))
    assert "Note (vae.kl): kl copies its mean: Costs no points." in text
