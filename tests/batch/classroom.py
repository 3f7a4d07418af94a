"""A class whose gradings are made up: results as grading makes them, in a real journal, without a grader."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from autograder.assignment import Assignment, load_assignment
from autograder.batch.journal import JOURNAL, Claim, ClassEntry, Journal
from autograder.batch.listing import Fault, Graded, GradingStatus, ListedSubmission, Submitter
from autograder.exhibits import Curves, Exhibit, Images, Series
from autograder.results import CheckResult, Failure, GradingResult, ItemResult, Kind, Notice, Outcome, Wall
from tests.tiny import MANIFEST, Tiny

GRADER = "grader"
LATE = '[late]\npolicy = "linear"\ndays = 2\nlowest = 0.0\n'
MOMENT = datetime(2026, 2, 2, 0, 0, tzinfo=UTC)
JANE = Submitter("Jane Doe", "06758767", "jdoe@uni.edu")
LI = Submitter("Li, Wei", "00012345", "wei.li@uni.edu")
FORMULA = Submitter('=cmd|" /C calc"!A0', "+1555", "@evil@uni.edu")
NAMES = (JANE, LI, FORMULA, Submitter("Ana", "", "ana@uni.edu"))


def course(root: Path, *, late: str = "") -> Assignment:
    """Write the tiny assignment, with a late policy, and load it."""
    tiny = Tiny(root)
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace("[[items]]", f"{late}[[items]]", 1))
    return load_assignment(root, "tiny")


def graded(
    key: str,
    points: tuple[float, float, float] = (2.0, 3.0, 0.0),
    *,
    again: str = "",
    said: str = "got the wrong shape",
    seconds: float = 2.0,
) -> Graded:
    """Return a grading of the tiny assignment; the item ``again`` is provisional."""
    rows = zip(("one.double", "one.quadruple", "two.shift"), points, (2.0, 3.0, 1.0), strict=True)
    items = [_item(item, given, most, item == again, said) for item, given, most in rows]
    items.append(ItemResult(id="report", title="Say why", kind=Kind.MANUAL, outcome=None, points=0, max_points=4))
    result = GradingResult(
        assignment="tiny",
        assignment_title="A tiny assignment",
        assignment_version="1",
        grader_version="0",
        submission_digest=f"digest of {key}",
        items=tuple(items),
        notices=(Notice(text=said, file="one.py", line=3),),
        walls=(Wall(name="landlock", held=True, note=said),),
    )
    status = GradingStatus.PARTIAL if again else GradingStatus.GRADED
    fault = Fault.SYSTEM if again else Fault.NONE
    return Graded(key, status, fault, "the machine was busy" if again else "", result, seconds)


def _item(item: str, points: float, most: float, again: bool, said: str) -> ItemResult:
    outcome = Outcome.BLOCKED if again else Outcome.PASS if points == most else Outcome.FAIL
    curve = Curves(series=(Series(name=said, values=(1.0, float("inf"), -0.5)),))
    image = Images(rows=("samples",), columns=1, height=1, width=1, pixels=b"\xff\x00\x80")
    check = CheckResult(
        id=f"checks/public/test_public.py::test_{item}",
        item=item,
        title="A title of the instructor's",
        public=True,
        weight=1,
        outcome=outcome,
        failure=None if outcome is Outcome.PASS else Failure(summary=said, call=f"f({said!r})", inputs=(said,)),
        misconception="off-by-one" if outcome is Outcome.FAIL else "",
        staff_note=said,
        seconds=0.5,
        exhibits=(Exhibit(title=said, data=curve), Exhibit(title="samples", data=image)),
    )
    given = 0.0 if again else points
    return ItemResult(
        id=item, title=item, kind=Kind.AUTO, outcome=outcome, points=given, max_points=most, checks=(check,)
    )


def entry(key: str, *submitters: Submitter, created_at: datetime | None = MOMENT, problem: str = "") -> ClassEntry:
    """Return a submission of the class; with a problem, there is nothing to grade."""
    submission = ListedSubmission(key, Path("export.zip"), key, submitters, created_at, 1.5, problem)
    return ClassEntry(submission, "" if problem else f"bytes of {key!a}", "" if problem else GRADER)


def claimed(journal: Journal, one: ClassEntry) -> Claim:
    """Claim an entry that nobody has."""
    claim = journal.claim(one)
    assert isinstance(claim, Claim), claim
    return claim


def small_class(folder: Path) -> list[ClassEntry]:
    """Write a journal: a full grading, that of a group, a provisional one, an empty submission, and one not yet."""
    entries = [
        entry("submission_1", JANE),
        entry("submission_2", LI, FORMULA),
        entry("submission_3", NAMES[3]),
        entry("submission_4", problem="its folder is missing"),
        entry("submission_5"),
    ]
    with Journal.open(folder / JOURNAL) as journal:
        journal.begin("tiny", entries)
        journal.finish(claimed(journal, entries[0]), graded("submission_1"))
        journal.finish(claimed(journal, entries[1]), graded("submission_2", (1.0, 0.0, 1.0)))
        journal.finish(claimed(journal, entries[2]), graded("submission_3", again="two.shift"))
    return entries
