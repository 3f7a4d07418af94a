"""The class without its people: whoever reads all that is handed on finds nobody."""

from __future__ import annotations

import csv
import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.batch.gradebook import write_anonymous
from autograder.batch.journal import JOURNAL, Journal
from autograder.batch.listing import Submitter
from autograder.batch.scrubbing import Scrubber
from autograder.errors import UserError
from tests.batch.classroom import FORMULA, JANE, LATE, LI, claimed, course, entry, graded
from tests.tiny import command

SAID = (
    "Jane Doe jane_doe DOE, JANE janeDoe jdoe jdoe@uni.edu 06758767 6758767 me@home.org wei.li Wei\n"
    "Author: Somebody Unknown\n"
    'File "/home/jdoe/hw3/vae.py", line 3; C:\\Users\\Jane Doe\\vae.py; jane/doe_vae.py; https://github.com/jdoe/x\n'
    "'''Written by jane doe''' expected a mean of 0.25, got 0.5"
)
PEOPLE = re.compile(
    r"jane|doe|06758767|6758767|\bwei\b|uni\.edu|home|github|unknown|(?<!autoindex_)submission_\d|digest of|C:\\",
    re.IGNORECASE,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "batch"
    place.mkdir()
    entries = [entry("submission_1", JANE), entry("submission_2", LI, FORMULA), entry("submission_3", JANE)]
    with Journal.open(place / JOURNAL) as journal:
        journal.begin("tiny", entries)
        for one in entries[:2]:
            journal.finish(claimed(journal, one), graded(one.key, said=SAID))
    return place


def everything(folder: Path) -> dict[str, str]:
    """All that is in a folder, names of files too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace") for path in files}


def make(folder: Path) -> Path:
    with Journal.open(folder / JOURNAL) as journal:
        return write_anonymous(folder, journal, course(folder.parent))


def test_nothing_that_is_handed_on_names_anybody(folder: Path) -> None:
    found = everything(make(folder))
    assert sum(name.endswith("report_staff.html") for name in found) == 2 and "grades_anonymous.csv" in found
    for name, text in found.items():
        own = re.sub(r"@[a-z-]+ ?[{(]", "", text)  # rules of the style sheet
        assert PEOPLE.search(own) is None, (name, own[PEOPLE.search(own).start() - 60 :][:120])
        assert PEOPLE.search(name) is None
    staff = next(text for name, text in found.items() if name.endswith("report_staff.html"))
    assert "expected a mean of 0.25, got 0.5" in staff and "A title of the instructor" in staff and "[name]" in staff
    assert "data:image" not in staff, "anything may be written in a picture that a submission made"


def test_pseudonyms_are_drawn_and_stay_and_only_the_key_file_knows_them(folder: Path) -> None:
    make(folder)
    key = folder / "pseudonyms.csv"
    first = key.read_bytes()
    assert key.stat().st_mode & 0o077 == 0 and not (folder / "anonymous" / key.name).exists()
    with key.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["kind"] for row in rows].count("student") == 3, "one who handed in twice is one"
    assert len({row["pseudonym"] for row in rows}) == 6
    table = (folder / "anonymous" / "grades_anonymous.csv").read_bytes()
    make(folder)
    assert key.read_bytes() == first and (folder / "anonymous" / "grades_anonymous.csv").read_bytes() == table
    with Journal.open(folder / JOURNAL) as journal:
        entries = [standing.entry for standing in journal.listed()]
        journal.begin("tiny", [*entries[1:], entry("submission_9", Submitter("New One", "", "jdoe@uni.edu"))])
    make(folder)
    assert key.read_bytes().startswith(first), "nobody loses a pseudonym, and a known email is a known student"
    assert len(key.read_bytes().splitlines()) == len(first.splitlines()) + 1
    assert len(list((folder / "anonymous" / "submissions").iterdir())) == 1, "of one who is gone nothing is left"
    key.unlink()
    make(folder)
    assert {row["pseudonym"] for row in rows}.isdisjoint(re.findall(r"s\w+-[0-9a-f]{8}", key.read_text()))


def test_a_key_file_that_is_none_is_one_clear_line(folder: Path) -> None:
    (folder / "pseudonyms.csv").write_text("name,email\nJane,a@x\n")
    with pytest.raises(UserError, match="not a key file of pseudonyms; its columns are kind, pseudonym"):
        make(folder)
    (folder / "pseudonyms.csv").write_text("kind,pseudonym,key,name,sid,email\nstudent,,,Jane,,\n")
    with pytest.raises(UserError, match="line 2: no pseudonym of a student or a submission; restore the file"):
        make(folder)


def test_the_command_writes_final_grades_under_pseudonyms(folder: Path) -> None:
    course(folder.parent, late=LATE)
    points = folder.parent / "points.csv"
    points.write_text("email,report,key\nwei.li@uni.edu,3,\n@evil@uni.edu,4,\n")
    due = ("--due", "2026-02-01T12:00")
    done = command("gradebook", str(folder), "--root", str(folder.parent), "--manual", str(points), "--anonymous", *due)
    assert done.returncode == 1 and f"{folder / 'anonymous'}" in done.stdout
    with (folder / "anonymous" / "grades_anonymous.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["final_points"] for row in rows) == ["", "", "6", "6.75"]
    assert {row["created_at"] + row["sid"] + row["email"] + row["late_reason"] for row in rows} == {""}
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    with sqlite3.connect(folder / "anonymous" / "gradebook.sqlite") as connection:
        assert sorted(connection.execute("SELECT DISTINCT final_points FROM grades WHERE final_points")) == [
            (6,),
            (6.75,),
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nunez, J. and jose nunez and JoséNúñez", "[name]. and [name] and [name]"),
        ("sleep lee Lee_vae", "sleep [name] [name]_vae"),
        ("Juergen J\u00fcrgen Ju\u0308rgen Jurgen J\u200burgen", "[name] [name] [name] [name] [name]"),
        ("李雷的代码", "[name]的代码"),
        ("0.42 of 42, x42", "0.42 of [name], x42"),
        ("see submission_216975964", "see [name]"),
        ("Signed-off-by: X <x@y.z>\nkept", "Signed-off-by: [author]\nkept"),
        ('"""Author: Roommate"""', '"""Author: [author]'),
        ("git@github.com:me/x.git https://a.b/me", "[link] [link]"),
        ('File "/tmp/me/vae.py" and ~me/x and a/b.py', 'File "[path]" and [path]'),
        ("n/a, 1/2, and/or, x / y, (batch, dim)", "n/a, 1/2, and/or, x / y, (batch, dim)"),
    ],
)
def test_people_are_found_however_they_are_written(text: str, expected: str) -> None:
    people = [Submitter("José Núñez-Lee", "00123456", "jn@uni.edu"), Submitter("李雷", "42"), Submitter("Jürgen Ng")]
    assert Scrubber(people, ["submission_216975964"])(text) == expected


NAMES = st.text(alphabet="abcdefgÄéñ'ŁłøÜ", min_size=4, max_size=9)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4), st.text(max_size=10), st.sampled_from(" _-.,"))
def test_no_name_is_left_in_any_text(names: list[tuple[str, str]], around: str, joint: str) -> None:
    scrub = Scrubber(Submitter(f"{first} {last}") for first, last in names)
    for first, last in names:
        for written in (f"{first}{joint}{last}", f"{last}{joint}{first}".upper(), first, last.title()):
            left = scrub(f"{around} {written} {around}").casefold()
            parts = [part.casefold() for part in re.findall(r"[^\W_]{4,}", written)]
            assert not any(part in left for part in parts), (written, left)


def test_without_anybody_texts_stay() -> None:
    assert Scrubber([Submitter()])("Jane, 1") == "Jane, 1"
