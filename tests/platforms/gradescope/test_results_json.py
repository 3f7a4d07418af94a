"""A grading becomes a file that the platform takes, cuts nothing of, and shows students only what is theirs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.platforms.gradescope.results_json import (
    ALL_OUTPUTS_LIMIT,
    OUTPUT_LIMIT,
    PLATFORM_LIMIT,
    pessimistic,
    results_bytes,
    results_dict,
    write_results,
)
from autograder.platforms.gradescope.validate import validate_text
from autograder.reports.plain_text import PROVISIONAL
from autograder.results import Failure, GradingResult, ItemResult, Notice, Outcome, Times
from tests.platforms.gradescope.toy import toy_assignment
from tests.reports.samples import HIDDEN_KL, SECRET, TRACEBACK, check, failed_check, hidden_check, item, sample


def shown_to_students(data: dict[str, Any]) -> str:
    """Return all text of a results file that students can read."""
    return json.dumps([data["output"], [{k: v for k, v in t.items() if k != "extra_data"} for t in data["tests"]]])


def by_item(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tests by item id."""
    return {test["extra_data"]["item"]: test for test in data["tests"]}


def problems(data: dict[str, Any]) -> list[str]:
    """Return what the validator says of the written form."""
    return validate_text(results_bytes(data).decode())


def test_one_test_for_each_item_in_rubric_order() -> None:
    data = results_dict(sample())
    assert [(test["number"], test["extra_data"]["item"]) for test in data["tests"]] == [
        ("1.1", "vae.sample"),
        ("1.2", "vae.kl"),
        ("1.3", "vae.figures"),
        ("2.1", "ddpm.p_losses"),
        ("2.2", "ddpm.bonus"),
        ("3.1", "reading"),
    ]
    assert data["tests"][1]["name"] == "KL divergence to the standard normal (vae.kl)"
    assert problems(data) == []


def test_scores_are_those_of_the_automatic_items() -> None:
    data = results_dict(sample())
    tests = by_item(data)
    assert (tests["vae.kl"]["score"], tests["vae.kl"]["max_score"], tests["vae.kl"]["status"]) == (0.4, 2.0, "failed")
    assert tests["vae.sample"]["status"] == "passed"
    for unscored in ("vae.figures", "reading"):
        assert not {"score", "max_score", "status"} & set(tests[unscored])
    assert "People grade this part, worth 4 points" in tests["vae.figures"]["output"]
    assert data["score"] == 3.4


def test_public_failures_teach_and_hidden_ones_say_only_what_the_instructor_wrote() -> None:
    output = by_item(results_dict(sample()))["vae.kl"]["output"]
    for words in ("call:", "inputs:", "expected: tensor([0.5000, 6.5000])", "worst:    [1]:", "one HALF of mean^2"):
        assert words in output
    assert HIDDEN_KL in output and "Which dimension do you sum over?" in output
    assert SECRET not in shown_to_students(results_dict(sample()))


def test_staff_notes_are_in_extra_data_alone() -> None:
    data = results_dict(sample())
    checks = by_item(data)["ddpm.p_losses"]["extra_data"]["checks"]
    assert checks[0]["staff_note"] == TRACEBACK
    assert "Traceback" not in shown_to_students(data)


def test_extra_data_of_items_and_of_the_whole() -> None:
    data = results_dict(sample())
    kl = by_item(data)["vae.kl"]["extra_data"]
    assert (kl["item"], kl["outcome"], kl["needs_regrade"]) == ("vae.kl", "FAIL", False)
    assert kl["misconception"] == "kl-missing-half"
    assert next((c["id"], c["outcome"], c["public"]) for c in kl["checks"]) == ("vae.kl/1", "FAIL", True)
    assert by_item(data)["ddpm.bonus"]["extra_data"]["extra_credit"] is True
    top = data["extra_data"]
    assert (top["grader_version"], top["assignment_version"], top["digest"]) == ("0.1.0", "1", "sha256:0123")
    assert top["walls"][1] == {"name": "Landlock", "held": False, "note": "the kernel has it off"}
    assert top["times"]["total"] == data["execution_time"] == 3.25


def test_provisional_items_say_so_and_are_marked() -> None:
    test = by_item(results_dict(sample()))["ddpm.p_losses"]
    assert PROVISIONAL in test["output"]
    assert test["extra_data"]["needs_regrade"] is True
    assert (test["score"], test["max_score"], test["status"]) == (0.0, 4.0, "failed")


def test_summary_has_total_notices_and_next_steps() -> None:
    output = results_dict(sample())["output"]
    assert "3.4 of 7 points given by the grader" in output
    assert "- vae_solution.py:12: a notebook command is ignored" in output
    assert "Next: start with vae.kl" in output


def test_a_flood_of_notices_is_cut() -> None:
    output = results_dict(sample(notices=(Notice(text="n" * 900),) * 10_000))["output"]
    assert "9950 more notices left out" in output and len(output) < OUTPUT_LIMIT


def test_only_times_differ_between_two_gradings() -> None:
    slow = item("a", Outcome.PASS, 1, 1, checks=(check(seconds=9.0),))
    fast = item("a", Outcome.PASS, 1, 1, checks=(check(seconds=1.0),))
    first, second = results_dict(sample(items=(slow,), times=Times(total=9))), results_dict(sample(items=(fast,)))
    assert first != second
    for data in (first, second):
        del data["execution_time"], data["extra_data"]["times"]
    assert first == second


def test_nothing_is_long_enough_to_be_cut() -> None:
    long = "x" * 1_000_000
    failure = Failure(summary=long, call=long, inputs=(long,) * 3, expected=long, got=long, worst=long)
    checks = tuple(check(Outcome.FAIL, number=n, failure=failure, hint=long, staff_note=long) for n in range(10))
    items = tuple(item(f"a.b{n}", Outcome.FAIL, 0, 1, title=long, message=long, checks=checks) for n in range(60))
    data = results_dict(sample(items=items, notices=(Notice(text=long),)))
    outputs = [data["output"], *(test["output"] for test in data["tests"])]
    assert max(map(len, outputs)) <= OUTPUT_LIMIT < PLATFORM_LIMIT / 2
    assert sum(map(len, outputs)) <= ALL_OUTPUTS_LIMIT + OUTPUT_LIMIT
    assert len(results_bytes(data)) < 4_000_000
    assert "characters left out" in data["tests"][0]["output"]
    assert data["tests"][0]["output"].startswith("0 of 1 point")
    assert problems(data) == []


@pytest.mark.parametrize("points", [math.nan, math.inf, -math.inf, -3.0, 7.0])
def test_scores_outside_their_range_are_clamped(points: float) -> None:
    wrong = item("a", Outcome.FAIL, 0, 2).model_copy(update={"points": points})
    data = results_dict(sample(items=(wrong, item("b", Outcome.PASS, 1, 1))))
    assert 0 <= data["tests"][0]["score"] <= 2
    assert data["score"] == data["tests"][0]["score"] + 1
    assert problems(data) == []


_TEXT = st.text(
    st.characters(exclude_categories=()) | st.sampled_from("\x1b[3\x00\ud800<script>&\u202e\n"), max_size=40
)


@st.composite
def gradings(draw: st.DrawFn) -> GradingResult:
    """Draw gradings whose texts and numbers are as odd as the model allows."""
    number = st.floats(0, 100)
    failure = st.builds(Failure, summary=_TEXT, call=_TEXT, inputs=st.tuples(_TEXT), got=_TEXT, worst=_TEXT)
    checks = st.builds(
        check, st.sampled_from(Outcome), title=_TEXT, public=st.booleans(), failure=failure, hint=_TEXT, weight=number
    )
    items: list[ItemResult] = []
    for index in range(draw(st.integers(0, 4))):
        outcome = draw(st.none() | st.sampled_from(Outcome))
        drawn = draw(st.tuples(number, number, _TEXT, _TEXT, st.lists(checks, max_size=3)))
        points, most, title, message, each = drawn
        items.append(item(f"p.i{index}", outcome, points, most, title=title, message=message, checks=tuple(each)))
    return sample(items=tuple(items), assignment_title=draw(_TEXT), notices=(Notice(text=draw(_TEXT)),))


@given(gradings())
def test_every_grading_becomes_a_valid_file(result: GradingResult) -> None:
    data = results_dict(result)
    assert problems(data) == []
    for test in data["tests"]:
        assert "\x1b" not in test["output"] and "\x00" not in test["output"]


def test_markup_of_a_submission_is_shown_as_plain_text() -> None:
    failure = Failure(summary="<script>alert(1)</script>\x1b[31m")
    data = results_dict(sample(items=(item("a", Outcome.FAIL, 0, 1, checks=(check(Outcome.FAIL, failure=failure),)),)))
    assert "<script>alert(1)</script>\n" in data["tests"][0]["output"] + "\n"
    assert data["test_output_format"] == data["output_format"] == data["test_name_format"] == "text"
    assert not {"output_format", "name_format"} & set(data["tests"][0])


def test_visibility_can_wait() -> None:
    assert results_dict(sample())["visibility"] == "visible"
    assert results_dict(sample())["stdout_visibility"] == "hidden"


def test_pessimistic_results_are_valid_and_give_nothing() -> None:
    data = pessimistic(toy_assignment())
    assert problems(data) == []
    assert data["score"] == 0 and "did not finish" in data["output"]
    assert [(t.get("score"), t.get("max_score")) for t in data["tests"]] == [(0, 2), (0, 1), (None, None)]
    assert "did not finish" in data["tests"][0]["output"]
    assert data["tests"][0]["extra_data"]["needs_regrade"] is True


def test_written_results_replace_old_ones_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    old = path.open()
    write_results(path, results_dict(sample()))
    assert json.loads(path.read_text())["score"] == 3.4
    assert old.read() == "old"  # a reader in the middle of it is not disturbed: the file was replaced, not rewritten
    assert list(tmp_path.iterdir()) == [path]


def test_results_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(path, {"score": math.nan})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_failed_and_hidden_checks_share_an_item() -> None:
    result = sample(items=(item("a", Outcome.FAIL, 0, 4, checks=(failed_check(), hidden_check())),))
    output = results_dict(result)["tests"][0]["output"]
    assert "worth 1 point)" in output and "hidden check, worth 3 points)" in output
