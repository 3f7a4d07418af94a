"""What a batch's folder tells at a glance."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.batch.journal import JOURNAL, Journal
from autograder.batch.status import status_text
from autograder.errors import UserError
from tests.batch.classroom import claimed, small_class


def test_it_counts_and_names_what_is_not_final(tmp_path: Path) -> None:
    entries = small_class(tmp_path)
    with Journal.open(tmp_path / JOURNAL) as journal:
        journal.begin("tiny", [*entries, replace(entries[4], submission=replace(entries[4].submission, key="s6"))])
        claimed(journal, entries[4])
        lines = status_text(tmp_path).splitlines()
    assert lines[0] == "tiny: 6 submissions, 2 runs"
    assert lines[1:5] == [
        "graded:              3",
        "partial:             1",
        "to be graded again:  0",
        "not yet graded:      2",
    ]
    assert lines[5].startswith("being graded:        2 (process ")
    assert lines[6:9] == [
        "fault of the student: 1",
        "fault of the system: 1",
        "seconds:             6 in all, 2.0 each in the middle",
    ]
    assert lines[9:] == [
        "- submission_3: partial, fault of the system: the machine was busy",
        "- submission_4: graded, fault of the student: its folder is missing",
    ]


def test_it_tells_how_fast_the_last_run_is(tmp_path: Path) -> None:
    small_class(tmp_path)
    with sqlite3.connect(tmp_path / JOURNAL) as connection:
        connection.execute("UPDATE run SET began_at = 1000")
        connection.execute("UPDATE grading SET finished_at = 1600")
    assert "last run:            3 gradings in 10 min, 18 an hour" in status_text(tmp_path).splitlines()


def test_where_nothing_was_graded_it_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no journal here"):
        status_text(tmp_path)
    Journal.open(tmp_path / JOURNAL).close()
    with pytest.raises(UserError, match="nothing was graded here yet; run `autograder batch`"):
        status_text(tmp_path)
