"""A grading as Gradescope's ``results.json``: one test per rubric item, nothing that it would cut or refuse."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment, Showing
from autograder.platforms.gradescope.inline_images import Room, with_images
from autograder.platforms.gradescope.metadata import Metadata
from autograder.platforms.gradescope.withheld import is_withheld, withheld_text
from autograder.reports.plain_text import NOTICES, item_text, late_line, next_steps, public_exhibits, total_line
from autograder.reports.safe_text import fit, one_line, plural, shorten
from autograder.results import CheckResult, GradingResult, ItemResult, Kind, Lateness, Outcome, nothing_graded

RESULTS_NAME = "results.json"
PLATFORM_LIMIT = 100_000
"""Characters of an output beyond which the platform cuts out the middle."""
OUTPUT_LIMIT = 45_000
"""Less than half of the platform's limit: it is not said whether an emoji counts there as one character or two."""
ALL_OUTPUTS_LIMIT = 1_000_000
"""Characters of all tests' outputs together, so that a rubric of many items stays a page that a browser can show."""
ALL_PICTURES_LIMIT = 400_000
"""Characters of all tests' pictures together."""
STAFF_NOTE_LIMIT = 8_000
ALL_STAFF_NOTES_LIMIT = 400_000
NOTICES_SHOWN = 50
NOT_FINISHED = (
    "The grader did not finish, which says nothing about your work. Handing in again does not help: the course staff"
    " have to look at it, then it is graded again; tell them if they do not know yet."
)
BROKEN = (
    "The grader broke, which says nothing about your work. Handing in again does not help: the course staff have to"
    " repair it, then it is graded again."
)


class Visibility(StrEnum):
    """Who may see a test or the whole result, and from when."""

    HIDDEN = "hidden"
    AFTER_DUE_DATE = "after_due_date"
    AFTER_PUBLISHED = "after_published"
    VISIBLE = "visible"


def results_dict(
    result: GradingResult, *, showing: Showing = Showing.AT_ONCE, metadata: Metadata | None = None
) -> dict[str, Any]:
    """Return ``result`` as the object that Gradescope reads; what ``metadata`` says goes to staff.

    Items with hidden checks are shown when ``showing`` says; until then the output tells what public checks found, and
    Gradescope shows no total.

    Scores are finite and are in [0, max_score]; no output is long enough to be cut; text of the submission is shown as
    plain text without control codes. Staff read tracebacks in ``tests[].extra_data.checks[].staff_note``, which
    students do not see. Only ``execution_time`` and ``extra_data.times`` differ between two gradings of one submission.
    """
    numbers = _numbers(result.items)
    limit = min(OUTPUT_LIMIT, ALL_OUTPUTS_LIMIT // max(1, len(result.items)))
    notes = sum(bool(check.staff_note) for item in result.items for check in item.checks)
    note_limit = min(STAFF_NOTE_LIMIT, ALL_STAFF_NOTES_LIMIT // max(1, notes))
    room = Room(ALL_PICTURES_LIMIT)
    tests = [_test(item, number, limit, note_limit, room) for item, number in zip(result.items, numbers, strict=True)]
    withheld = [is_withheld(item, showing) for item in result.items]
    for test, later in zip(tests, withheld, strict=True):
        test["visibility"] = showing.value if later else Visibility.VISIBLE.value
    summary = "\n\n".join(_summary_blocks(result, withheld_text(result, showing) if any(withheld) else ""))
    return {
        "score": _total(result),
        "execution_time": round(max(0.0, _finite(result.times.total)), 3),
        "output": shorten(summary, OUTPUT_LIMIT),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": Visibility.VISIBLE.value,
        "stdout_visibility": Visibility.HIDDEN.value,
        "tests": tests,
        "extra_data": _extra_data(result) | ({} if metadata is None else {"submission": _submission_data(metadata)}),
    }


def _numbers(items: tuple[ItemResult, ...]) -> list[str]:
    """Number items as ``problem.item``; a problem is the part of the id before its first dot, in rubric order."""
    problems: dict[str, int] = {}
    seen: dict[str, int] = {}
    numbers = []
    for item in items:
        group = item.id.split(".")[0]
        problems.setdefault(group, len(problems) + 1)
        seen[group] = seen.get(group, 0) + 1
        numbers.append(f"{problems[group]}.{seen[group]}")
    return numbers


def _test(item: ItemResult, number: str, limit: int, note_limit: int, room: Room) -> dict[str, Any]:
    test: dict[str, Any] = {
        "number": number,
        "name": one_line(f"{item.title} ({item.id}{', extra credit' if item.extra_credit else ''})", 300),
        **_output(item, limit, room),
    }
    if item.kind is Kind.AUTO:
        test |= _score(item)
    test["extra_data"] = _item_data(item, note_limit)
    return test


def _output(item: ItemResult, limit: int, room: Room) -> dict[str, str]:
    """Return an item's text; where it has images that fit, as a page with the text, which is inert, and them."""
    text = shorten(item_text(item), limit)
    page = with_images(text, public_exhibits(item), room)
    return {"output": page, "output_format": "html"} if page else {"output": text}


def _total(result: GradingResult) -> float:
    """Return the score: items are added as they are, and only their sum is rounded."""
    given = sum(_given(item) for item in result.items if item.kind is Kind.AUTO)
    return _finite(given * (result.late or Lateness()).coefficient)


def _given(item: ItemResult) -> float:
    points = item.points if math.isfinite(item.points) else 0.0
    return min(max(0.0, points), max(0.0, item.max_points if math.isfinite(item.max_points) else 0.0))


def _score(item: ItemResult) -> dict[str, Any]:
    most = max(0.0, _finite(item.max_points))
    return {
        "score": _finite(_given(item)),
        "max_score": most,
        "status": "passed" if item.outcome is Outcome.PASS else "failed",
    }


def _finite(value: float) -> float:
    return round(value, 4) if math.isfinite(value) else 0.0


def _item_data(item: ItemResult, note_limit: int) -> dict[str, Any]:
    data: dict[str, Any] = {"item": item.id, "kind": item.kind.value}
    if item.outcome is None:
        return data | {"points": item.max_points}
    data |= {
        "outcome": item.outcome.value,
        "needs_regrade": item.needs_regrade,
        "checks": [_check_data(check, note_limit) for check in item.checks],
    }
    if item.extra_credit:
        data["extra_credit"] = True
    if known := [check.misconception for check in item.checks if check.misconception]:
        data["misconception"] = known[0]
    return data


def _check_data(check: CheckResult, note_limit: int) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": check.id,
        "outcome": check.outcome.value,
        "public": check.public,
        "weight": _finite(check.weight),
    }
    if check.misconception:
        data["misconception"] = check.misconception
    if check.staff_note:
        data["staff_note"] = fit(check.staff_note, note_limit)
    return data


def _extra_data(result: GradingResult) -> dict[str, Any]:
    seconds = {check.id: round(_finite(check.seconds), 3) for item in result.items for check in item.checks}
    data: dict[str, Any] = {
        "grader_version": result.grader_version,
        "assignment": result.assignment,
        "assignment_version": result.assignment_version,
        "needs_regrade": result.needs_regrade,
        "walls": [{"name": w.name, "held": w.held, "note": one_line(w.note, 500)} for w in result.walls],
        "times": {"total": round(_finite(result.times.total), 3), "checks": seconds},
    }
    if result.late is not None:
        data["late"] = {**result.late.model_dump(), "points_before": _finite(result.points)}
    return data | ({"digest": result.submission_digest} if result.submission_digest else {})


def _submission_data(metadata: Metadata) -> dict[str, Any]:
    """Return the facts of the platform that staff look for next to a score."""
    data: dict[str, Any] = {"attempt": metadata.attempt, "seconds_late": metadata.seconds_late}
    if metadata.id:
        data["id"] = metadata.id
    if metadata.created_at is not None:
        data["created_at"] = metadata.created_at.isoformat()
    return data


def _summary_blocks(result: GradingResult, instead: str) -> Iterator[str]:
    """Yield the title, notices and what to do next; ``instead`` of all that tells points, if it is not empty."""
    total = [] if instead else [total_line(result), late_line(result)]
    yield "\n".join(filter(None, [one_line(result.assignment_title), *total]))
    if result.notices:
        shown = [f"- {one_line(str(notice), 500)}" for notice in result.notices[:NOTICES_SHOWN]]
        if more := len(result.notices) - len(shown):
            shown.append(f"- and {plural(more, 'more notice')} left out")
        yield "\n".join([NOTICES, *shown])
    yield instead or next_steps(result)


def pessimistic(assignment: Assignment) -> dict[str, Any]:
    """Return the results to write before anything runs: every automatic item 0, provisional, "did not finish"."""
    return _nothing_given(assignment, Outcome.BLOCKED, NOT_FINISHED)


def refused(assignment: Assignment, why: str) -> dict[str, Any]:
    """Return the results of a submission of which nothing can be read: every automatic item 0, and the reason."""
    return _nothing_given(assignment, Outcome.FAIL, one_line(why, 1000))


def broken(assignment: Assignment) -> dict[str, Any]:
    """Return the results of a grading that the grader's own fault, or the machine's, has ended."""
    return _nothing_given(assignment, Outcome.ERROR, BROKEN)


def _nothing_given(assignment: Assignment, outcome: Outcome, message: str) -> dict[str, Any]:
    result = nothing_graded(assignment, outcome, message)
    return results_dict(result) | {"output": f"{one_line(result.assignment_title)}\n{message}"}


def results_bytes(data: Mapping[str, Any]) -> bytes:
    """Return ``data`` as JSON in plain ASCII; raise `ValueError` where a number is not finite."""
    return json.dumps(data, allow_nan=False, indent=1).encode("ascii") + b"\n"


def write_results(path: Path, data: Mapping[str, Any]) -> None:
    """Replace ``path`` by ``data`` in one step."""
    replace_file(path, results_bytes(data))


def replace_file(path: Path, content: bytes) -> None:
    """Write in one step: readers, and a crash at any moment, find the old file or the new."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
