"""Metadata are read without trusting any of them to be there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.platforms.gradescope.metadata import Metadata, parse_metadata, read_metadata

DOCUMENTED: dict[str, Any] = {
    "id": 123456,
    "created_at": "2026-07-01T14:22:32.365935-07:00",
    "assignment_id": 25828,
    "submission_method": "upload",
    "assignment": {
        "due_date": "2026-07-01T23:59:00.000000-07:00",
        "late_due_date": None,
        "release_date": "2026-06-01T00:00:00.000000-07:00",
        "total_points": "20.0",
    },
    "users": [
        {"email": "a@x.edu", "id": 1, "assignment": {"due_date": "2026-07-01T23:59:00.000000-07:00"}},
        {"email": "b@x.edu", "id": 2, "assignment": {"due_date": "2026-07-03T23:59:00.000000-07:00"}},
    ],
    "previous_submissions": [
        {"id": 3, "submission_time": "2026-06-30T10:00:00Z", "score": 7.5, "autograder_error": False},
        {"id": 2, "submission_time": "2026-06-30T09:00:00-07:00", "score": "5.0", "autograder_error": False},
        {"id": 1, "submission_time": "2026-06-29T09:00:00-07:00", "score": "0.0", "autograder_error": True},
    ],
}


def test_documented_example() -> None:
    metadata = parse_metadata(DOCUMENTED)
    assert metadata.id == "123456"
    assert metadata.created_at == datetime(2026, 7, 1, 21, 22, 32, 365935, tzinfo=UTC)
    assert metadata.due_date == datetime(2026, 7, 4, 6, 59, tzinfo=UTC)  # the later of the two submitters' dates
    assert metadata.late_due_date is None
    assert metadata.total_points == 20.0
    assert metadata.submission_method == "upload"


def test_attempts_are_sorted_by_time_without_those_the_autograder_failed_on() -> None:
    assert [(a.id, a.score) for a in parse_metadata(DOCUMENTED).previous] == [("3", 7.5), ("2", 5.0)]
    turned = DOCUMENTED | {"previous_submissions": DOCUMENTED["previous_submissions"][::-1]}
    assert parse_metadata(turned).previous == parse_metadata(DOCUMENTED).previous


def test_without_dates_of_users_the_assignment_counts() -> None:
    for users in ([], None, [{"assignment": {"due_date": None}}], [{"assignment": {"due_date": "soon"}}], ["x"]):
        assert parse_metadata(DOCUMENTED | {"users": users}).due_date == datetime(2026, 7, 2, 6, 59, tzinfo=UTC)


def test_own_late_date_is_an_extension() -> None:
    users = [{"assignment": {"late_due_date": "2026-07-09T00:00:00Z"}}]
    assert parse_metadata(DOCUMENTED | {"users": users}).late_due_date == datetime(2026, 7, 9, tzinfo=UTC)


def test_lateness_counts_from_the_due_date() -> None:
    late = parse_metadata(DOCUMENTED | {"created_at": "2026-07-04T07:00:00Z"})
    assert late.seconds_late == 60
    assert parse_metadata(DOCUMENTED).seconds_late == 0
    assert Metadata(created_at=late.created_at).seconds_late == 0


@pytest.mark.parametrize(
    "time", ["2026-07-01T14:22:32", "2026-07-01", "soon", "", 7, None, True, "9999-12-31T23:59:59-23:00"]
)
def test_times_without_a_zone_or_out_of_range_count_as_missing(time: object) -> None:
    assert parse_metadata({"created_at": time}).created_at is None


@pytest.mark.parametrize("score", [None, "many", "NaN", float("inf"), True, [1], 10**400])
def test_scores_that_are_no_numbers_count_as_missing(score: object) -> None:
    assert parse_metadata({"previous_submissions": [{"id": "a", "score": score}]}).previous[0].score is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"3", b"[" * 200_000, b'{"id": 1' + b"0" * 9_999]
)
def test_malformed_files_say_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "submission_metadata.json"
    path.write_bytes(content)
    assert read_metadata(path) == Metadata()


def test_missing_file_says_nothing(tmp_path: Path) -> None:
    assert read_metadata(tmp_path / "absent.json") == Metadata()
    assert read_metadata(tmp_path) == Metadata()


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps(DOCUMENTED))
    assert read_metadata(path) == parse_metadata(DOCUMENTED)


_KEYS = st.sampled_from(["id", "created_at", "assignment", "users", "due_date", "late_due_date", "total_points",
                         "previous_submissions", "submission_time", "score", "autograder_error"])  # fmt: skip
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.datetimes().map(str)
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6))


@given(_JSON)
def test_no_shape_of_data_raises(data: object) -> None:
    metadata = parse_metadata(data)
    times = [metadata.created_at, metadata.due_date, *(attempt.submitted_at for attempt in metadata.previous)]
    assert all(time is None or time.tzinfo is UTC for time in times)
