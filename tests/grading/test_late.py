"""The late policy: exact at the cut-offs, through changes of the clock, and the same whenever it is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.assignment import Late, LatePolicy, load_assignment
from autograder.errors import UserError
from autograder.grading.late import lateness
from autograder.platforms.gradescope.metadata import parse_metadata
from tests.tiny import MANIFEST, ONE, Tiny

pytestmark = pytest.mark.usefixtures("warm")

BOSTON = ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)
COURSE = Late(policy="per_day", zone="America/New_York", days=7, lowest=0.5)


def boston(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BOSTON)


def coefficient(policy: Late, handed_in: datetime, due: datetime) -> float:
    return lateness(policy, handed_in, due).coefficient


@pytest.mark.parametrize("day", range(1, 8))
def test_every_cut_off_that_passes_takes_a_fourteenth(day):
    """The clocks go back on 3 November 2024: one of these days has 25 hours."""
    due = boston(2024, 10, 31, 23, 59)
    last_second = datetime.combine(due.date() + timedelta(days=day - 1), due.time(), BOSTON)
    assert coefficient(COURSE, last_second, due) == pytest.approx(1 - (day - 1) / 14, abs=1e-15)
    just_after = last_second.astimezone(UTC) + SECOND
    assert coefficient(COURSE, just_after, due) == pytest.approx(1 - day / 14, abs=1e-15)


def test_after_the_last_day_nothing_is_left():
    due = boston(2024, 3, 8, 23, 59)  # the clocks go forward on 10 March
    assert coefficient(COURSE, boston(2024, 3, 15, 23, 59), due) == 0.5
    assert coefficient(COURSE, boston(2024, 3, 15, 23, 59, 1), due) == 0
    assert coefficient(COURSE, boston(2034, 3, 15), due) == 0


def test_a_day_of_23_hours_is_a_day():
    due = boston(2024, 3, 9, 23, 59)
    on_the_clock = boston(2024, 3, 10, 23, 59)
    assert on_the_clock.astimezone(UTC) - due.astimezone(UTC) == timedelta(hours=23)
    assert coefficient(COURSE, on_the_clock, due) == 1 - 1 / 14
    assert coefficient(COURSE, on_the_clock.astimezone(UTC) + SECOND, due) == 1 - 2 / 14


def test_the_zone_of_the_course_counts_not_that_of_the_platform():
    due = boston(2024, 9, 20, 23, 59)
    handed_in = datetime(2024, 9, 21, 4, 30, tzinfo=UTC)  # half past midnight in Boston
    assert coefficient(COURSE, handed_in, due) == 1 - 1 / 14
    utc = COURSE.model_copy(update={"zone": "UTC"})
    assert coefficient(utc, handed_in, due) == 1  # no midnight has passed there since 03:59


def test_grace_moves_every_cut_off():
    policy = COURSE.model_copy(update={"grace_minutes": 15})
    due = boston(2024, 9, 20, 23, 59)
    assert coefficient(policy, boston(2024, 9, 21, 0, 14), due) == 1
    assert coefficient(policy, boston(2024, 9, 21, 0, 14, 1), due) == 1 - 1 / 14
    assert coefficient(policy, boston(2024, 9, 22, 0, 14), due) == 1 - 1 / 14


def test_the_other_policies():
    due = boston(2024, 9, 20, 12, 0)
    late = due + timedelta(hours=36)
    assert coefficient(Late(policy="none"), late, due) == 1
    assert coefficient(Late(policy="drop"), due, due) == 1
    assert coefficient(Late(policy="drop"), due + SECOND, due) == 0
    linear = Late(policy="linear", days=3, lowest=0.4)
    assert coefficient(linear, late, due) == pytest.approx(1 - 0.6 / 2)
    assert coefficient(linear, due + timedelta(days=3), due) == pytest.approx(0.4)
    assert coefficient(linear, due + timedelta(days=3, seconds=1), due) == 0


policies = st.builds(
    Late,
    policy=st.sampled_from(LatePolicy),
    zone=st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"]),
    cutoff=st.sampled_from(["23:59", "00:00", "02:30", "12:00"]),
    days=st.integers(1, 10),
    lowest=st.floats(0, 1),
    grace_minutes=st.sampled_from([0.0, 5.0, 90.0, 3000.0]),
)
moments = st.datetimes(datetime(2011, 12, 20), datetime(2026, 1, 1), timezones=st.just(UTC))
delays = st.floats(-86400, 15 * 86400)


@given(policies, moments, delays, delays)
def test_waiting_never_pays(policy, due, one, other):
    sooner, later = (due + timedelta(seconds=delay) for delay in sorted((one, other)))
    assert 1 >= coefficient(policy, sooner, due) >= coefficient(policy, later, due) >= 0


@given(policies, moments, delays)
def test_on_time_is_worth_everything(policy, due, delay):
    assert coefficient(policy, due - timedelta(seconds=abs(delay)), due) == 1


@pytest.mark.parametrize("known", [{}, {"created_at": "2024-09-21T05:00:00Z"}, {"created_at": "yesterday"}])
def test_what_is_not_known_costs_nothing_and_is_said(known):
    facts = parse_metadata(known)
    found = lateness(COURSE, facts.created_at, facts.due_date)
    assert found.coefficient == 1 and "not known" in found.reason


def metadata(tiny: Tiny, handed_in: str, *extensions: str | None) -> Path:
    due = "2024-09-20T23:59:00-04:00"
    users = [{"id": i, "assignment": {"due_date": own or due}} for i, own in enumerate(extensions)]
    data = {"created_at": handed_in, "assignment": {"due_date": due}, "users": users}
    return tiny.write("metadata.json", json.dumps(data))


LATE = '\n[late]\npolicy = "per_day"\nzone = "America/New_York"\ndays = 7\nlowest = 0.5\n\n[[items]]'


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.write("assignments/tiny/assignment.toml", MANIFEST.replace("\n[[items]]", LATE, 1))
    return made


@pytest.mark.thorough
def test_the_student_reads_both_numbers_and_staff_get_them(tiny):
    facts = metadata(tiny, "2024-09-22T12:00:00-04:00", None)
    hand_in = tiny.hand_in(one=ONE)
    runs = [tiny.grade(hand_in, "--metadata", str(facts)) for _ in range(2)]
    full = sum(runs[0].scores.values())
    assert [run.results["score"] for run in runs] == [round(full * (1 - 2 / 14), 4)] * 2
    said = f"Late: 2 cut-offs at 23:59 (America/New_York) passed. {full:g} points x 0.8571 = {full * 12 / 14:.2f}"
    assert said in runs[0].results["output"] and said in " ".join(runs[0].stdout.split())
    assert runs[0].results["extra_data"]["late"]["points_before"] == full
    assert runs[0].scores == tiny.grade(hand_in).scores  # items show what the code is worth


def test_the_latest_date_of_a_group_counts(tiny):
    facts = metadata(tiny, "2024-09-22T12:00:00-04:00", None, "2024-09-25T23:59:00-04:00")
    run = tiny.grade(tiny.hand_in(one=ONE), "--metadata", str(facts))
    assert run.results["score"] == sum(run.scores.values()) > 0
    assert "Late" not in run.results["output"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('zone = "America/New_Yrok"', 'did you mean "America/New_York"?'),
        ('cutoff = "24:00"', "late.cutoff"),
        ('policy = "perday"', "late.policy"),
        ("grace = 5", 'did you mean "grace_minutes"?'),
        ("lowest = 1.5", "late.lowest"),
    ],
)
def test_a_wrong_policy_is_one_line(tmp_path, line, said):
    made = Tiny(tmp_path)
    made.write("assignments/tiny/assignment.toml", MANIFEST.replace("\n[[items]]", f"\n[late]\n{line}\n\n[[items]]", 1))
    with pytest.raises(UserError) as error:
        load_assignment(tmp_path, "tiny")
    assert said in str(error.value) and "assignment.toml" in str(error.value)


@pytest.mark.parametrize("text", [None, "not JSON"])
def test_metadata_that_say_nothing_are_remarked_upon(tiny, text):
    facts = tiny.root / "metadata.json"
    if text is not None:
        facts.write_text(text)
    run = tiny.grade(tiny.hand_in(one=ONE), "--metadata", str(facts))
    assert run.status == 0 and "metadata.json: does not say when this was handed in" in run.stderr
    assert "nothing taken off" in run.results["output"]
