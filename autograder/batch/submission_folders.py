"""The folder of each submission: its results and reports, under a name that every system takes."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from autograder.assignment import Assignment
from autograder.batch.listing import Fault, Graded, ListedSubmission
from autograder.errors import UserError
from autograder.platforms.gradescope import results_json
from autograder.platforms.gradescope.metadata import Metadata
from autograder.reports.html import render_html
from autograder.reports.safe_text import one_line
from autograder.results import GradingResult, Notice, Outcome, nothing_graded

SUBMISSIONS = "submissions"
"""The folder of these folders, in that of a batch."""
RESULTS, REPORT, REPORT_STAFF = "results.json", "report.html", "report_staff.html"
NOTHING_READ = (
    "Nothing in this submission could be read or run, so no item has points. Ask the course staff if you do not know"
    " why."
)
MAX_NAME = 80

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_MADE = re.compile(r".*-[0-9a-f]{8}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_OTHER = re.compile(r"[^A-Za-z0-9_.-]+")


def folder_name(key: str) -> str:
    """Return a name for the folder of a submission that no other key has, on any system, whatever is in the key.

    Small letters, digits, ``_``, ``-`` and ``.`` stay as they are; a key of anything else keeps what it has of them
    and letters, with the beginning of its SHA-256 behind it.
    """
    is_plain = _PLAIN.fullmatch(key) and len(key) <= MAX_NAME and not key.endswith(".")
    if is_plain and not _MADE.fullmatch(key) and not _RESERVED.fullmatch(key):
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = _OTHER.sub("_", key).strip("._-")[: MAX_NAME - 10]
    return f"{kept or 'key'}-{digest}"


def write_submission(
    folder: Path, assignment: Assignment, graded: Graded, submission: ListedSubmission | None = None
) -> Path:
    """Write results, the student's report and the staff's into the submission's folder below ``folder``; return it.

    The folder appears complete, in place of an older one: readers find all files of one grading (or, for a moment,
    none), never some of two. It is for its owner alone. ``submission`` adds when it came in to the results.
    Raises `UserError` where it cannot be written.
    """
    place = folder / SUBMISSIONS / folder_name(graded.key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
        try:
            for name, content in _files(assignment, graded, submission).items():
                results_json.replace_file(new / name, content)
            _put_in_place(new, place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{place}: cannot be written ({error.strerror}); run the command again") from None
    return place


def remove_others(folder: Path, keys: Collection[str]) -> None:
    """Remove the folders of submissions that are not among the keys, and what an interrupted write has left."""
    kept = {folder_name(key) for key in keys}
    for path in (folder / SUBMISSIONS).glob("*") if (folder / SUBMISSIONS).is_dir() else ():
        if path.name not in kept and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def result_of(assignment: Assignment, graded: Graded) -> GradingResult:
    """Return what a student reads: where nothing was graded, each item with 0 points, and whether that is final."""
    if graded.result is not None:
        return graded.result
    if graded.fault is Fault.STUDENT:
        return nothing_graded(assignment, Outcome.FAIL, NOTHING_READ)
    return nothing_graded(assignment, Outcome.BLOCKED, results_json.NOT_FINISHED)


def _files(assignment: Assignment, graded: Graded, submission: ListedSubmission | None) -> dict[str, bytes]:
    result = result_of(assignment, graded)
    showing = assignment.manifest.feedback.showing(1)
    facts = None
    if submission is not None:
        facts = Metadata(id=submission.key, created_at=submission.created_at)
    data = results_json.results_dict(result, showing=showing, metadata=facts)
    data["extra_data"] |= {"grading_status": graded.status.value, "fault": graded.fault.value, "why": graded.why}
    return {
        RESULTS: results_json.results_bytes(data),
        REPORT: render_html(result).encode("utf-8"),
        REPORT_STAFF: render_html(_for_staff(result, graded), staff=True).encode("utf-8"),
    }


def _for_staff(result: GradingResult, graded: Graded) -> GradingResult:
    """Put first what became of the submission, where that is not a full grading."""
    if not (graded.why or graded.fault):
        return result
    fault = f", fault of the {graded.fault.value}" if graded.fault else ""
    said = Notice(text=one_line(f"{graded.status.value}{fault}: {graded.why}", 1000))
    return result.model_copy(update={"notices": (said, *result.notices)})


def _put_in_place(new: Path, place: Path) -> None:
    if not place.exists():
        new.rename(place)
        return
    old = Path(tempfile.mkdtemp(dir=place.parent, prefix=".old-"))
    place.rename(old / place.name)
    try:
        new.rename(place)
    except OSError:
        (old / place.name).rename(place)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
