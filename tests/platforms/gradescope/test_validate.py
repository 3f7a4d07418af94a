"""Each mistake in a results file gets one line: where, what, how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from autograder.platforms.gradescope.validate import is_warning, schema, validate_results, validate_text

FULL: dict[str, Any] = {
    "score": 3.5,
    "execution_time": 12,
    "output": "text",
    "output_format": "simple_format",
    "test_output_format": "md",
    "test_name_format": "text",
    "visibility": "after_due_date",
    "stdout_visibility": "hidden",
    "extra_data": {"any": [1, None, {"thing": True}]},
    "tests": [
        {
            "score": 2.0,
            "max_score": 2,
            "status": "passed",
            "name": "KL",
            "name_format": "ansi",
            "number": "1.1",
            "output": "<b>good</b>",
            "output_format": "html",
            "tags": ["vae"],
            "visibility": "after_published",
            "extra_data": {},
        },
        {"name": "people grade this"},
    ],
    "leaderboard": [{"name": "loss", "value": 0.25, "order": "asc"}, {"name": "team", "value": "red"}],
}


def changed(**changes: Any) -> str:
    """Return the full example with top-level keys changed, as JSON."""
    return json.dumps(FULL | changes)


def with_test(**changes: Any) -> str:
    """Return the full example with keys of its first test changed, as JSON."""
    return changed(tests=[FULL["tests"][0] | changes])


def test_every_documented_key_is_accepted() -> None:
    assert validate_text(json.dumps(FULL)) == []


def test_schema_is_a_valid_and_described_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"].endswith("2020-12/schema")

    def properties(part: Any) -> list[dict[str, Any]]:
        if not isinstance(part, dict):
            return []
        return [*part.get("properties", {}).values(), *(p for each in part.values() for p in properties(each))]

    found = properties(schema())
    assert len(found) > 20 and all(len(each["description"]) > 10 for each in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            changed(exection_time=1),
            "/: unknown key 'exection_time', the platform ignores it; did you mean \"execution_time\"?",
        ),
        (
            with_test(maxscore=1),
            "/tests/0: unknown key 'maxscore', the platform ignores it; did you mean \"max_score\"?",
        ),
        (with_test(weight=1), "/tests/0: unknown key 'weight'"),
        (with_test(number=1.1), '/tests/0/number: a number where a string is due; write it in quotes: "1.1"'),
        (with_test(score="2"), "/tests/0/score: a string where a number is due; write it without quotes"),
        (with_test(score=True), "/tests/0/score: a boolean where a number is due"),
        (with_test(max_score=None), "/tests/0/max_score: null where a number is due; leave the key out instead"),
        (with_test(status="pass"), '/tests/0/status: "pass" is not one of the known values; did you mean "passed"?'),
        (with_test(visibility="after-due-date"), 'did you mean "after_due_date"?'),
        (
            with_test(output_format="bold"),
            '/tests/0/output_format: "bold" is not one of the known values; known: ansi',
        ),
        (with_test(tags=["a", 1]), '/tests/0/tags/1: a number where a string is due; write it in quotes: "1"'),
        (with_test(extra_data=[]), "/tests/0/extra_data: an array where an object is due"),
        (with_test(output="x" * 100_001), "/tests/0/output: 100,001 characters, the platform cuts out the middle"),
        (changed(output="x" * 100_001), "/output: 100,001 characters, the platform cuts out the middle beyond 100,000"),
        (with_test(score=3), "/tests/0/score: 3 is above max_score 2; clamp it"),
        (with_test(score=-1), "/tests/0/score: -1 is below 0, what becomes of it is not specified; clamp it"),
        (changed(score=-1), "/score: -1 is below 0"),
        (changed(leaderboard=[{"name": "a"}]), '/leaderboard/0: key "value" is missing; add it'),
        (changed(tests={}), "/tests: an object where an array is due"),
        (changed(tests=[3]), "/tests/0: a number where an object is due"),
        ('{"score": NaN}', "/score: nan makes the upload fail"),
        ('{"score": 1, "extra_data": {"a/b": [1, -1e999]}}', "/extra_data/a~1b/1: -inf makes the upload fail"),
        ('{"score": 1' + "0" * 400 + "}", "makes the upload fail"),
        ('{"score": 1, "score": 2}', "key 'score' is written twice in one object; keep one"),
        ('{"tests": [{"name": "a"}]}', "/: there is no score;"),
        ("{}", "/: there is no score;"),
        ("[]", "/: an array where an object is due"),
        ("{,}", "line 1, column 2: not JSON"),
        ("", "line 1, column 1: not JSON"),
        ("\ufeff{}", "not JSON"),
        ("[" * 200_000, "not JSON that can be read"),
        ('{"score": ' + "1" * 5_000 + "}", "not JSON that can be read"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(text: str, message: str) -> None:
    found = validate_text(text)
    assert any(message in problem for problem in found), found
    assert not any("\n" in problem or len(problem) > 400 or is_warning(problem) for problem in found)


def test_several_mistakes_are_all_found() -> None:
    found = validate_text(changed(scor=1, visibility="all", tests=[{"score": "1", "number": 2}]))
    assert len(found) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            changed(tests=[{"score": 1, "visibility": "hidden"}, {"score": 1}]),
            '1 of 2 are "hidden", so students do not see',
        ),
        (with_test(name="a\x00"), "/tests/0/name: has a NUL or a lone surrogate"),
        (with_test(name="a\ud800"), "/tests/0/name: has a NUL or a lone surrogate"),
    ],
)
def test_doubtful_files_get_a_warning(text: str, message: str) -> None:
    (found,) = validate_text(text)
    assert is_warning(found) and message in found


def test_extra_credit_may_exceed_its_maximum() -> None:
    assert validate_text(with_test(score=3, extra_data={"extra_credit": True})) == []


def test_files_that_are_missing_or_no_text(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert "there is no such file" in validate_results(path)[0]
    assert "cannot be read" in validate_results(tmp_path)[0]
    path.write_bytes(b'{"output": "\xff"}')
    assert "byte 12: not valid UTF-8" in validate_results(path)[0]
    path.write_text(json.dumps(FULL))
    assert validate_results(path) == []
