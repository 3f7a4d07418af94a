"""The gradebook of a batch: its tables and reports, and the steps of the command `gradebook`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.assignment import Assignment, find_root, load_assignment
from autograder.batch.anonymous import Anonymiser
from autograder.batch.due_dates import read_due_dates
from autograder.batch.final_grades import FinalGrades, final_grades
from autograder.batch.grade_columns import TableFormat
from autograder.batch.grade_tables import grade_table
from autograder.batch.graded_class import read_class
from autograder.batch.grades_database import DATABASE, write_database
from autograder.batch.journal import JOURNAL, Journal
from autograder.batch.listing import Graded, ListedSubmission
from autograder.batch.manual_points import Merged, read_manual_points
from autograder.batch.pseudonyms import PSEUDONYMS, Pseudonyms
from autograder.batch.submission_folders import remove_others, write_submission
from autograder.errors import MISUSE, RUN_FAILED, UserError
from autograder.platforms.gradescope.results_json import replace_file
from autograder.reports.safe_text import one_line

GRADES, GRADES_ANONYMOUS, FINAL_GRADES = "grades.csv", "grades_anonymous.csv", "final_grades"
ANONYMOUS = "anonymous"
"""The folder that may be handed on as it is, below that of a batch; the key file is not in it."""
LOCK = ".gradebook.lock"
LINE = 500
"""Characters of a line about a student."""


@dataclass(frozen=True)
class GradebookRequest:
    """What staff ask for: final grades of the batch in ``folder``, as a table in one form."""

    folder: Path
    manual: Path | None = None
    due: str | None = None
    extensions: Path | None = None
    form: TableFormat = TableFormat.WIDE
    column: str = ""
    out: Path | None = None
    anonymous: bool = False
    root: Path | None = None

    @property
    def table(self) -> Path:
        """The file of the table."""
        name = FINAL_GRADES if self.form is TableFormat.WIDE else f"{FINAL_GRADES}_{self.form.value}"
        return self.out or self.folder / f"{name}.csv"


def write_gradebook(folder: Path, journal: Journal, assignment: Assignment) -> FinalGrades:
    """Write ``grades.csv`` and ``gradebook.sqlite`` of the class as the journal has it, and return its grades.

    Each file is replaced in one step. Points of people and lateness come with the command `gradebook`.
    """
    with _alone(folder):
        grades = final_grades(read_class(journal, assignment))
        _write(folder / GRADES, grade_table(grades, TableFormat.WIDE).text)
        write_database(folder / DATABASE, grades)
    return grades


def write_reports(folder: Path, journal: Journal, assignment: Assignment) -> None:
    """Write the folder of every submission that was graded, and remove those of submissions no longer in the class."""
    with _alone(folder):
        for graded, one in _each_graded(journal):
            write_submission(folder, assignment, graded, one)
        remove_others(folder, [standing.entry.key for standing in journal.listed()])


def write_anonymous(folder: Path, journal: Journal, assignment: Assignment, grades: FinalGrades | None = None) -> Path:
    """Write the same of the class without its people into the folder `ANONYMOUS`, and return that.

    Whom a pseudonym stands for is in ``pseudonyms.csv`` alone, which is not in that folder.
    """
    place = folder / ANONYMOUS
    with _alone(folder):
        whole = read_class(journal, assignment)
        pseudonyms = Pseudonyms(folder / PSEUDONYMS)
        pseudonyms.name_all(whole)
        anonymiser = Anonymiser(whole, pseudonyms)
        _make_private(place)
        bare = _without_people(grades or final_grades(whole), anonymiser, pseudonyms)
        _write(place / GRADES_ANONYMOUS, grade_table(bare, TableFormat.WIDE).text)
        write_database(place / DATABASE, bare)
        for graded, _ in _each_graded(journal):
            write_submission(place, assignment, anonymiser.anonymous(graded))
        remove_others(place, [one.entry.key for one in bare.graded_class.submissions])
    return place


def gradebook(request: GradebookRequest) -> int:
    """Merge what people gave and what was late into final grades, write them, say what is missing; return the status.

    0: all grades are final; 1: something is missing, which is said; 2: mistakes in what was given, and nothing written.
    """
    with Journal.open(_journal_of(request.folder), create=False) as journal:
        assignment = _assignment_of(journal, request)
        whole = read_class(journal, assignment)
        merged = Merged() if request.manual is None else read_manual_points(request.manual, whole)
        dates = read_due_dates(request.due, request.extensions, whole)
        if mistakes := [*merged.mistakes, *dates.mistakes]:
            for mistake in mistakes:
                print(f"autograder: {one_line(mistake, LINE)}", file=sys.stderr)
            return MISUSE
        grades = final_grades(whole, merged.points, dates)
        table = grade_table(grades, request.form, column=request.column)
        _refuse_overwriting(request)
        _write(request.table, table.text)
        with _alone(request.folder):
            write_database(request.folder / DATABASE, grades)
        written = [request.table, request.folder / DATABASE]
        if request.anonymous:
            written.append(write_anonymous(request.folder, journal, assignment, grades))
    _say(grades, [*merged.remarks, *grades.remarks, *table.remarks], written)
    return RUN_FAILED if grades.missing else 0


def _say(grades: FinalGrades, remarks: list[str], written: list[Path]) -> None:
    missing = grades.missing
    print(f"{len(grades.grades) - len(missing)} of {len(grades.grades)} grades are final")
    for title, lines in (("still missing", missing), ("to look at", remarks)):
        if lines:
            print("\n".join([f"{title}:", *(f"- {one_line(line, LINE)}" for line in lines)]))
    print(f"written: {', '.join(map(str, written))}")


def _journal_of(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the one that `autograder batch` wrote into")
    return folder / JOURNAL


def _assignment_of(journal: Journal, request: GradebookRequest) -> Assignment:
    runs = journal.runs()
    if not runs:
        raise UserError(f"{request.folder}: nothing was graded here yet; run `autograder batch`")
    return load_assignment(request.root or find_root(), runs[-1].assignment)


def _refuse_overwriting(request: GradebookRequest) -> None:
    """What people typed must not be replaced by what is made from it."""
    out = request.table.resolve()
    if out in {path.resolve() for path in (request.manual, request.extensions) if path is not None}:
        raise UserError(f"{request.table}: is read from here; name another file with --out")
    if out.is_dir() or not out.parent.is_dir():
        raise UserError(f"{request.table}: name a file, such as final_grades.csv, in a folder that is there")


def _each_graded(journal: Journal) -> Iterator[tuple[Graded, ListedSubmission]]:
    """Give the gradings of a class one after the other, with their pictures."""
    for standing in journal.listed():
        graded = journal.graded(standing.entry)
        if graded is not None:
            yield graded, standing.entry.submission


def _without_people(grades: FinalGrades, anonymiser: Anonymiser, pseudonyms: Pseudonyms) -> FinalGrades:
    """Return the grades under pseudonyms, in their order: points of people and what lateness left are kept."""
    bare = anonymiser.anonymous_class(grades.graded_class)
    by_key = {one.entry.key: one for one in bare.submissions}
    anonymous = []
    for grade in grades.grades:
        one = by_key[pseudonyms.of_submission(grade.student.key)]
        student = replace(grade.student, key=one.entry.key)
        submitter = one.submitters[grade.student.place]
        late = grade.late.model_copy(update={"seconds": 0.0, "reason": ""})
        anonymous.append(replace(grade, student=student, submitter=submitter, of=one, late=late))
    ordered = sorted(anonymous, key=lambda grade: (grade.student.key, grade.submitter.name))
    return FinalGrades(bare, tuple(ordered))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time write the files of a folder, where the system can do that."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); make room, or name another folder") from None


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); remove what is there") from None
