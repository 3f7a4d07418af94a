"""Which of a student's submissions count."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autograder.batch.choosing import latest
from autograder.batch.listing import ListedSubmission, Submitter

ADA = Submitter("Ada", "1", "ada@x.edu")
BOB = Submitter("Bob", "", "bob@x.edu")
CY = Submitter("Cy")
START = datetime(2024, 3, 1, tzinfo=UTC)


def submission(key: str, *people: Submitter, hours: int | None = None, problem: str = "") -> ListedSubmission:
    time = None if hours is None else START + timedelta(hours=hours)
    return ListedSubmission(key, Path("c.zip"), key, submitters=people, created_at=time, problem=problem)


def kept(*listed: ListedSubmission) -> list[str]:
    return [one.key for one in latest(listed).submissions]


def test_the_last_by_time_is_kept_whatever_the_order() -> None:
    assert kept(submission("a", ADA, hours=2), submission("b", ADA, hours=1), submission("c", BOB, hours=0)) == [
        "a",
        "c",
    ]


def test_students_are_known_by_number_else_address_else_name() -> None:
    renamed = Submitter("Ada Lovelace", "1", "other@x.edu")
    shouting = Submitter("B.", "", "BOB@x.edu ")
    assert kept(submission("a", ADA, hours=1), submission("b", renamed, hours=2)) == ["b"]
    assert kept(submission("a", BOB, hours=1), submission("b", shouting, hours=2)) == ["b"]
    assert kept(submission("a", CY, hours=1), submission("b", Submitter(" cy"), hours=2)) == ["b"]
    assert kept(submission("a", Submitter("Wei", "1")), submission("b", Submitter("Wei", "2"))) == ["a", "b"]


def test_a_group_is_its_set_of_submitters() -> None:
    listed = [
        *(submission("a", ADA, hours=1), submission("ab", ADA, BOB, hours=2)),
        *(submission("ac", ADA, CY, hours=3), submission("ba", BOB, ADA, hours=4)),
    ]
    assert kept(*listed) == ["a", "ac", "ba"]


def test_what_has_no_submitters_is_nobodys_earlier_version() -> None:
    assert kept(submission("a"), submission("b"), submission("c", Submitter())) == ["a", "b", "c"]


def test_equal_and_missing_times_are_said() -> None:
    chosen = latest([submission("a", ADA, hours=1), submission("b", ADA, hours=1)])
    assert [one.key for one in chosen.submissions] == ["b"]
    same = "a, b of Ada: were handed in at the same time (2024-03-01 01:00:00+00:00); kept b, the later in order"
    assert chosen.remarks == (same,)
    chosen = latest([submission("a", ADA, hours=1), submission("b", ADA, BOB), submission("c", ADA)])
    assert [one.key for one in chosen.submissions] == ["b", "c"]
    assert chosen.remarks == ("a, c of Ada: not all have a time; kept c, the later in order",)


def test_a_tie_of_older_versions_is_nothing_to_say() -> None:
    listed = [submission("a", ADA, hours=1), submission("b", ADA, hours=1), submission("c", ADA, hours=2)]
    assert latest(listed).remarks == ()


PEOPLE = st.lists(st.sampled_from([ADA, BOB, CY]), unique=True, max_size=3)


@given(st.lists(st.tuples(PEOPLE, st.integers(0, 50)), max_size=8), st.randoms(use_true_random=False))
def test_each_group_keeps_exactly_one(entries: list[tuple[list[Submitter], int]], order: random.Random) -> None:
    listed = [submission(str(number), *people, hours=hours) for number, (people, hours) in enumerate(entries)]
    order.shuffle(listed)
    chosen = latest(listed).submissions
    assert list(chosen) == [one for one in listed if one in chosen]
    for people in {frozenset(one.submitters) for one in listed if one.submitters}:
        of_group = [one for one in listed if set(one.submitters) == people]
        assert [one for one in of_group if one in chosen] != []
        assert {one.created_at for one in of_group if one in chosen} == {max(one.created_at for one in of_group)}
        assert len([one for one in of_group if one in chosen]) == 1
