"""What hidden checks found can be delayed, or shown for some hand-ins only: until then nothing depends on them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from autograder.assignment import Feedback, Showing
from autograder.platforms.gradescope.results_json import results_bytes, results_dict
from autograder.platforms.gradescope.validate import validate_text
from autograder.results import GradingResult, Lateness, Outcome
from tests.platforms.gradescope.test_results_json import by_item
from tests.reports.samples import HIDDEN_KL, check, failed_check, hidden_check, item, sample
from tests.tiny import MANIFEST, ONE, Tiny

pytestmark = pytest.mark.usefixtures("warm")

LATER = [Showing.AFTER_DUE_DATE, Showing.AFTER_PUBLISHED]


def graded(hidden: Outcome, *, points: float) -> GradingResult:
    """Items of all sorts; the hidden checks passed or failed."""
    mixed = item("vae.kl", Outcome.FAIL, points, 2, checks=(failed_check(), hidden_check(hidden), check(number=3)))
    closed = item("vae.nll", hidden, points, 2, checks=(hidden_check(hidden),))
    opened = item("vae.sample", Outcome.PASS, 1, 1, checks=(check(number=9),))
    missing = item("ddpm.loss", Outcome.FAIL, 0, 3, message="ddpm.py is not in the hand-in")
    late = Lateness(coefficient=0.5, seconds=60, reason="one minute late")
    return sample(items=(mixed, closed, opened, missing, item("report", None, 0, 4)), late=late)


def visible(data: dict[str, Any]) -> str:
    """Everything that students see at once."""
    tests = [{k: v for k, v in t.items() if k != "extra_data"} for t in data["tests"] if t["visibility"] == "visible"]
    return json.dumps([data["output"], tests])


@pytest.mark.parametrize("showing", LATER)
def test_nothing_that_is_seen_at_once_depends_on_hidden_checks(showing: Showing) -> None:
    lucky = results_dict(graded(Outcome.PASS, points=2.0), showing=showing)
    unlucky = results_dict(graded(Outcome.FAIL, points=0.0), showing=showing)
    assert visible(lucky) == visible(unlucky)
    assert HIDDEN_KL not in visible(lucky) and failed_check().hint not in visible(lucky)
    assert [t["visibility"] for t in lucky["tests"]] == [showing.value] * 2 + ["visible"] * 3
    assert by_item(lucky)["vae.kl"]["score"] == 2.0 and lucky["score"] == 2.5  # the grade itself is the same as ever
    assert validate_text(results_bytes(lucky).decode()) == []


def test_what_public_checks_found_is_told_instead() -> None:
    output = results_dict(graded(Outcome.FAIL, points=0.0), showing=Showing.AFTER_DUE_DATE)["output"]
    assert "what they found is shown after the due date." in output
    assert "vae kl (vae.kl): 1 of 2 points, 1 of 2 checks passed" in output
    assert "too large by a factor of about 2" in output
    assert "vae sample (vae.sample): 1 of 1 point" in output
    assert "ddpm loss (ddpm.loss): 0 of 3 points" in output and "ddpm.py is not in the hand-in" in output
    assert "Only hidden checks look at: vae.nll." in output and "late" not in output
    assert "when you hand in" not in output
    assert "By the public checks alone: 2 of 6 points." in output and "Next: start with vae.kl" in output


def test_by_default_all_is_shown() -> None:
    data = results_dict(graded(Outcome.FAIL, points=0.0))
    assert {test["visibility"] for test in data["tests"]} == {"visible"} and "withheld" not in data["output"]
    assert HIDDEN_KL in visible(data)


def test_the_first_attempts_are_shown() -> None:
    feedback = Feedback(attempts=2)
    assert [feedback.showing(n) for n in (1, 2, 3)] == [Showing.AT_ONCE, Showing.AT_ONCE, Showing.AFTER_DUE_DATE]
    assert Feedback(hidden=Showing.AFTER_PUBLISHED).showing(1) is Showing.AFTER_PUBLISHED


def test_attempts_without_anything_to_show_are_refused() -> None:
    with pytest.raises(ValidationError, match='hidden = "after_published" shows none'):
        Feedback(hidden=Showing.AFTER_PUBLISHED, attempts=3)


@pytest.mark.thorough
def test_the_command_counts_the_attempts_that_the_platform_knows(tmp_path) -> None:
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace("[limits]", "[feedback]\nattempts = 2\n[limits]"))
    wrong = tiny.hand_in(one=ONE.replace("x * 2", "x * 3"))
    shown = []
    for before in (1, 2):
        previous = [{"id": n, "submission_time": f"2024-05-0{n + 1}T10:00:00Z"} for n in range(before)]
        previous.append({"id": 9, "submission_time": "2024-05-09T10:00:00Z", "autograder_error": True})
        facts = tiny.root / "metadata.json"
        facts.write_text(json.dumps({"created_at": "2024-05-10T10:00:00Z", "previous_submissions": previous}))
        shown.append(tiny.grade(wrong, "--metadata", str(facts)).results)
    assert {test["visibility"] for test in shown[0]["tests"]} == {"visible"}
    assert by_item(shown[1])["one.double"]["visibility"] == "after_due_date"
    assert "shown after the due date" in shown[1]["output"]
