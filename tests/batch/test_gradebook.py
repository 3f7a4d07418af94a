"""The gradebook: tables, database and reports of a small class, and the command that makes final grades."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.batch.due_dates import DueDates
from autograder.batch.final_grades import final_grades
from autograder.batch.grade_columns import OWN_COLUMNS, column_of
from autograder.batch.gradebook import write_gradebook, write_reports
from autograder.batch.graded_class import Student, read_class
from autograder.batch.journal import JOURNAL, Journal
from autograder.batch.listing import Fault, Graded, GradingStatus
from autograder.batch.submission_folders import folder_name, write_submission
from tests import warm
from tests.batch.classroom import LATE, course, entry, graded, small_class
from tests.tiny import command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a batch, below that of a course."""
    place = tmp_path / "batch"
    place.mkdir()
    return place


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def run(folder: Path, *options: str, late: str = "") -> tuple[int, str, str]:
    """Run the command on a small class, without its start."""
    course(folder.parent, late=late)
    if not (folder / JOURNAL).exists():
        small_class(folder)
    done = warm.command("gradebook", str(folder), "--root", str(folder.parent), *options)
    return done.returncode, done.stdout, done.stderr


def points_file(folder: Path, text: str) -> str:
    path = folder.parent / "points.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


ALL_POINTS = "email,report\njdoe@uni.edu,4\nwei.li@uni.edu,1.5\n'@evil@uni.edu,0\nana@uni.edu,2\n"
"""One of the emails as our own tables have it."""


def test_every_submission_has_rows_whatever_became_of_it(folder: Path) -> None:
    assignment = course(folder.parent)
    small_class(folder)
    with Journal.open(folder / JOURNAL) as journal:
        write_gradebook(folder, journal, assignment)
    rows = rows_of(folder / "grades.csv")
    assert [row["key"][-1] for row in rows] == ["1", "2", "2", "3", "4", "5"]
    assert [row["grading_status"] for row in rows] == ["graded"] * 3 + ["partial", "graded", "not yet graded"]
    assert [row["fault"] for row in rows] == ["", "", "", "system", "student", ""]
    assert rows[3]["why"] == "the machine was busy" and rows[4]["why"] == "its folder is missing"
    assert [row["one.double"] for row in rows] == ["2", "1", "1", "2", "0", ""]
    assert [row["two.shift"] for row in rows] == ["0", "1", "1", "", "0", ""], "what is provisional is no number"
    assert [row["points_by_grader"] for row in rows] == ["5", "2", "2", "5", "0", ""]
    assert [row["final_points"] for row in rows] == ["", "", "", "", "0", ""]
    assert [row["missing"] for row in rows][:4] == ["report"] * 3 + ["two.shift report"]
    assert rows[2]["name"].startswith("'=cmd|") and rows[2]["email"] == "'@evil@uni.edu" and rows[2]["sid"] == "+1555"
    assert rows[0]["sid"] == "06758767" and rows[0]["created_at"] == "2026-02-02T00:00:00+00:00"


def test_the_database_is_read_in_one_line(folder: Path) -> None:
    assignment = course(folder.parent)
    small_class(folder)
    with Journal.open(folder / JOURNAL) as journal:
        write_gradebook(folder, journal, assignment)
        write_gradebook(folder, journal, assignment)  # in place of the one that is there
    outcomes = pd.read_sql("select * from outcomes", sqlite3.connect(folder / "gradebook.sqlite"))
    assert len(outcomes) == 5 * 4
    missed = outcomes[outcomes.misconception == "off-by-one"]
    assert sorted(missed.item) == ["one.double", "one.quadruple", "two.shift"]
    of_third = outcomes[(outcomes.submission == "submission_3") & (outcomes.item == "two.shift")].iloc[0]
    assert of_third.item_outcome == "BLOCKED" and pd.isna(of_third.points) and of_third.seconds == 0.5
    grades = pd.read_sql("select * from grades", sqlite3.connect(folder / "gradebook.sqlite"))
    assert list(grades.name[:2]) == ["Jane Doe", "Li, Wei"], "a database needs no apostrophes"
    assert list(grades.points_by_grader.fillna(-1)) == [5, 2, 2, 5, 0, -1]
    tables = pd.read_sql(
        "select name from sqlite_master where type = 'table'", sqlite3.connect(folder / "gradebook.sqlite")
    )
    text = (Path(__file__).parents[2] / "docs" / "grade-a-class.md").read_text(encoding="utf-8")
    assert [name for name in tables.name if f"`{name}`" not in text] == [], "the document has the schema"
    assert not list(folder.glob(".gradebook.sqlite.*"))


def test_each_submission_has_a_folder_with_its_reports(folder: Path) -> None:
    assignment = course(folder.parent)
    small_class(folder)
    with Journal.open(folder / JOURNAL) as journal:
        (folder / "submissions" / "gone").mkdir(parents=True)
        (folder / "submissions" / ".new-broken-off").mkdir()
        write_reports(folder, journal, assignment)
        write_reports(folder, journal, assignment)
    assert sorted(path.name for path in (folder / "submissions").iterdir()) == [f"submission_{n}" for n in range(1, 5)]
    for place in (folder / "submissions").iterdir():
        assert sorted(path.name for path in place.iterdir()) == ["report.html", "report_staff.html", "results.json"]
    first = folder / "submissions" / "submission_1"
    results = json.loads((first / "results.json").read_text())
    assert results["score"] == 5.0 and results["extra_data"]["grading_status"] == "graded"
    assert "A tiny assignment" in (first / "report.html").read_text()
    empty = folder / "submissions" / "submission_4"
    assert json.loads((empty / "results.json").read_text())["extra_data"]["why"] == "its folder is missing"
    assert "Nothing in this submission could be read" in (empty / "report.html").read_text()
    assert "its folder is missing" not in (empty / "report.html").read_text(), "that is for staff"
    assert "graded, fault of the student: its folder is missing" in (empty / "report_staff.html").read_text()
    assert "the machine was busy" in (folder / "submissions" / "submission_3" / "report_staff.html").read_text()


def test_a_failed_grading_is_told_as_the_graders_fault(folder: Path) -> None:
    failed = Graded("s", GradingStatus.AGAIN, Fault.SYSTEM, "no memory for /home/staff")
    place = write_submission(folder, course(folder.parent), failed)
    report = (place / "report.html").read_text()
    assert "The grader did not finish, which says nothing about your work" in report and "memory" not in report


@given(st.text(max_size=12), st.text(max_size=12))
def test_names_of_folders_are_safe_and_differ(one: str, other: str) -> None:
    names = [folder_name(one), folder_name(other)]
    for name in names:
        assert name and name[0] not in ".-" and not set(name) & set('/\\:*?"<>| \0\n') and name.isascii()
    assert (names[0].casefold() == names[1].casefold()) == (one == other), "also where capitals do not count"


def test_keys_that_lead_elsewhere_stay_in_the_folder(folder: Path) -> None:
    assignment = course(folder.parent)
    for key in ("../../evil", "/etc/passwd", "con", "", "..", "x" * 300, "a\udc80", "Jane Doe"):
        place = write_submission(folder, assignment, _with_key(key))
        assert place.parent == folder / "submissions" and (place / "report.html").is_file()
    assert folder_name("submission_1") == "submission_1" and folder_name("Jane Doe").startswith("Jane_Doe-")
    assert not (folder.parent / "evil").exists()


def _with_key(key: str) -> Graded:
    made = graded("x")
    return Graded(key, made.status, made.fault, made.why, made.result, made.seconds)


def test_final_grades_say_who_lacks_what(folder: Path) -> None:
    status, out, err = run(folder, "--manual", points_file(folder, "sid,report\n6758767,3.5\n00012345,\n"))
    assert status == 1 and err == ""
    assert out.splitlines()[0] == "2 of 6 grades are final"
    assert "- wei.li@uni.edu (submission_2): no points of people for report" in out
    assert "- ana@uni.edu (submission_3): provisional, partial: the machine was busy (two.shift); no points of" in out
    assert "- submission_5: provisional, not yet graded (one.double, one.quadruple, two.shift)" in out
    rows = rows_of(folder / "final_grades.csv")
    assert [row["final_points"] for row in rows] == ["8.5", "", "", "", "0", ""]
    assert rows[0]["report"] == "3.5" and rows[0]["points_by_people"] == "3.5" and rows[0]["max_points"] == "10"


def test_final_grades_that_are_complete_are_status_0(folder: Path) -> None:
    with Journal.open(folder / JOURNAL) as journal:
        journal.begin("tiny", [entry("s1", problem="empty")])
    assert run(folder)[0] == 0


def test_points_of_a_group_and_our_own_table_are_taken(folder: Path) -> None:
    run(folder)
    own = rows_of(folder / "final_grades.csv")
    for row in own:
        row["report"] = "1" if row["key"] == "submission_2" else row["report"]
    with (folder.parent / "filled.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(own[0]), delimiter=";")  # saved where semicolons divide
        writer.writeheader()
        writer.writerows(own)
    status, _, err = run(folder, "--manual", str(folder.parent / "filled.csv"))
    assert (status, err) == (1, "")
    assert [row["report"] for row in rows_of(folder / "final_grades.csv")] == ["", "1", "1", "", "0", ""]
    run(folder, "--manual", points_file(folder, "submission,report\nsubmission_2,2\n"))
    assert [row["report"] for row in rows_of(folder / "final_grades.csv")][1:3] == ["2", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("email,report\njdoe@uni.edu,5\n", "line 2: report: 5 points, and there are 4; write a number from 0 to 4"),
        ("email,report\njdoe@uni.edu,-1\n", "line 2: report: -1 points, and there are 4"),
        ("email,report\njdoe@uni.edu,four\n", "line 2: report: 'four' is not a number of points; write one from 0"),
        ("email,report\njdoe@uni.edu,nan\n", "line 2: report: 'nan' is not a number of points"),
        (
            "sid,email,report\n06758767,,1\n,JDOE@uni.edu,1\n",
            "line 3: the same student has report in line 2 already; keep one",
        ),
        ("sid,email,report\n06758767,ana@uni.edu,1\n", "line 2: sid 06758767 and email ana@uni.edu are different"),
        ("email,report\n,1\n", "line 2: names no student; fill in key, sid or email"),
        (
            "email,report,one.double\njdoe@uni.edu,1,1\n",
            "line 2: one.double is graded by the grader, which gave 2, not 1; leave that cell empty",
        ),
        ("email,reprot\na,1\n", "no manual item 'reprot' in the rubric; did you mean \"report\"?"),
        ("email\na\n", "no column of a manual item; known: report"),
        ("name,report\nJane,1\n", "no column says which student a row is about; add one of key, sid, email"),
    ],
)
def test_a_mistake_in_a_file_is_one_clear_line_and_nothing_is_written(folder: Path, text: str, message: str) -> None:
    status, out, err = run(folder, "--manual", points_file(folder, text))
    assert status == 2 and out == "" and err.count("\n") == 1
    assert err.startswith(f"autograder: {folder.parent / 'points.csv'}") and message in err
    assert not (folder / "final_grades.csv").exists()


def test_all_mistakes_of_a_file_are_said_at_once(folder: Path) -> None:
    _, _, err = run(folder, "--manual", points_file(folder, "email,report\njdoe@uni.edu,9\nana@uni.edu,x\n"))
    assert [line.partition("line ")[2][0] for line in err.splitlines()] == ["2", "3"]


def test_whom_nobody_knows_is_looked_at(folder: Path) -> None:
    _, out, _ = run(folder, "--manual", points_file(folder, ALL_POINTS + "nobody@uni.edu,1\nabsent@uni.edu,\n"))
    assert f"- {folder.parent / 'points.csv'}, line 6: nobody in the class has email nobody@uni.edu" in out
    assert "absent" not in out, "without points there is nothing to say"


def test_lateness_takes_its_part_of_all_points(folder: Path) -> None:
    extensions = folder.parent / "extensions.csv"
    extensions.write_text("email,due\nana@uni.edu,2026-02-02T01:00+01:00\nwei.li@uni.edu,2026-02-01T12:00:00Z\n")
    manual = points_file(folder, ALL_POINTS)
    options = ("--manual", manual, "--due", "2026-02-01T00:00", "--extensions", str(extensions))
    status, _, err = run(folder, *options, late=LATE)
    assert (status, err) == (1, "")
    rows = rows_of(folder / "final_grades.csv")
    assert [row["late_coefficient"] for row in rows][:4] == ["0.5", "0.75", "0.75", "1"], "one extension counts for all"
    assert [row["final_points"] for row in rows] == ["4.5", "2.625", "1.5", "", "0", ""]
    assert rows[0]["late_reason"] == "1 days late"
    grades = pd.read_sql("select final_points from grades", sqlite3.connect(folder / "gradebook.sqlite"))
    assert list(grades.final_points.dropna()) == [4.5, 2.625, 1.5, 0]


@pytest.mark.parametrize(
    ("options", "late", "message"),
    [
        ((), LATE, "nothing is taken off for lateness: the policy is linear, and no --due says since when"),
        (("--due", "2026-02-01T00:00"), "", "due dates change nothing: the assignment has no late policy"),
    ],
)
def test_lateness_that_cannot_count_is_said(folder: Path, options: tuple[str, ...], late: str, message: str) -> None:
    assert f"- {message}" in run(folder, *options, late=late)[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("email,due\njdoe@uni.edu,tomorrow\n", "line 2: 'tomorrow': not a moment; write it like 2026-02-01T23:59"),
        ("email,due\njdoe@uni.edu,2026-02-01\n", "line 2: '2026-02-01': not a moment"),
        ("email,until\njdoe@uni.edu,2026-02-01T10:00\n", "the column 'until' is not known here"),
        ("email\njdoe@uni.edu\n", "no column says when work is due; add one called due"),
    ],
)
def test_wrong_extensions_are_one_clear_line(folder: Path, text: str, message: str) -> None:
    path = folder.parent / "extensions.csv"
    path.write_text(text)
    status, _, err = run(folder, "--extensions", str(path), late=LATE)
    assert status == 2 and message in err and str(path) in err and err.count("\n") == 1


def test_misuse_of_the_command_is_one_clear_line(folder: Path) -> None:
    root = str(folder.parent)
    course(folder.parent)
    none = command("gradebook", str(folder), "--root", root)
    assert (
        none.returncode == 2
        and "there is no journal here; name the folder that `autograder batch` wrote" in none.stderr
    )
    nowhere = command("gradebook", str(folder / "nowhere"), "--root", root)
    assert nowhere.returncode == 2 and "no such folder" in nowhere.stderr
    manual = points_file(folder, ALL_POINTS)
    status, _, err = run(folder, "--manual", manual, "--out", manual)
    assert status == 2 and "is read from here; name another file with --out" in err
    assert Path(manual).read_text() == ALL_POINTS
    status, _, err = run(folder, "--out", str(folder))
    assert status == 2 and "name a file, such as final_grades.csv" in err
    status, _, err = run(folder, "--due", "soon")
    assert status == 2 and "--due soon: not a moment; write it like 2026-02-01T23:59" in err
    status, _, err = run(folder, "--manual", str(folder / "none.csv"))
    assert status == 2 and "none.csv: cannot be read (No such file or directory)" in err


def test_platforms_get_final_grades_of_those_whom_they_can_find(folder: Path) -> None:
    manual = points_file(folder, ALL_POINTS)
    _, out, _ = run(folder, "--manual", manual, "--format", "canvas", "--column", "Homework 3 (1234)")
    rows = rows_of(folder / "final_grades_canvas.csv")
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 3 (1234)"]
    assert rows[0]["Student"] == "Points Possible" and rows[0]["Homework 3 (1234)"] == "10"
    assert [(row["SIS User ID"], row["Homework 3 (1234)"]) for row in rows[1:]] == [
        ("06758767", "9"),
        ("00012345", "3.5"),
        ("+1555", "2"),
    ]
    assert "not in the table, since their grades are not final: ana@uni.edu (submission_3), submission_5" in out
    assert "not in the table, since nobody knows their number or email: submission_4" in out
    run(folder, "--manual", manual, "--format", "moodle", "--out", str(folder / "moodle.csv"))
    first = rows_of(folder / "moodle.csv")[0]
    assert first["Email address"] == "jdoe@uni.edu" and first["A tiny assignment"] == "9"
    run(folder, "--manual", manual, "--format", "gradescope")
    rows = rows_of(folder / "final_grades_gradescope.csv")
    assert [row["Total Score"] for row in rows] == ["9", "3.5", "2", "", "0", ""]
    assert rows[0]["Submission ID"] == "1" and rows[0]["4: Say why (4 pts)"] == "4"


def test_a_student_with_two_submissions_is_named(folder: Path) -> None:
    first = entry("submission_1", *small_class(folder)[0].submission.submitters)
    again = entry("submission_9", *first.submission.submitters)
    with Journal.open(folder / JOURNAL) as journal:
        journal.begin("tiny", [first, again])
    status, _, err = run(folder, "--manual", points_file(folder, "email,report\njdoe@uni.edu,1\n"))
    assert status == 2 and "is in several submissions (submission_1, submission_9); add a column key" in err
    assert "- 06758767 is in 2 submissions: submission_1, submission_9" in run(folder)[1]


def test_an_item_that_is_called_like_a_column_has_another() -> None:
    assert column_of("report") == "report" and column_of("name") == "item name"
    assert not set(OWN_COLUMNS) & set(map(column_of, OWN_COLUMNS))


POINTS = st.none() | st.floats(0, 4).map(lambda points: round(points, 2))


@settings(max_examples=25)
@given(st.lists(POINTS, min_size=5, max_size=5))
def test_points_that_are_merged_add_up(tmp_path_factory: pytest.TempPathFactory, given_points: list) -> None:
    folder = tmp_path_factory.mktemp("merge")
    assignment = course(folder)
    small_class(folder)
    with Journal.open(folder / JOURNAL) as journal:
        whole = read_class(journal, assignment)
    students = [student for student, *_ in whole.students()]
    assert Student("submission_2", 1) in students
    manual = {
        student: {"report": points}
        for student, points in zip(students, given_points, strict=False)
        if points is not None
    }
    grades = final_grades(whole, manual, DueDates())
    for grade in grades.grades:
        people = manual.get(grade.student, {}).get("report", 0.0 if grade.of.is_worth_nothing else None)
        by_grader = sum(item.points for item in grade.of.items.values())
        is_final = people is not None and not grade.provisional
        assert grade.final_points == (pytest.approx(by_grader + people, abs=1e-4) if is_final else None)
        assert ("report" in grade.missing) == (people is None)
    assert len(grades.missing) == sum(grade.final_points is None for grade in grades.grades)
