"""The steps of the commands `check` and `grade`, from a request to the exit status."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from autograder.assignment import Assignment, Kind, find_root, load_assignment
from autograder.batch.recognition import is_class
from autograder.errors import RUN_FAILED, UnreadableSubmission, UserError
from autograder.grading.grade import grade as run_grading
from autograder.grading.grader_error import GraderError
from autograder.grading.interruption import Interruption
from autograder.grading.late import apply_late_policy
from autograder.grading.options import Options, Progress
from autograder.launch import may_draw_bars
from autograder.platforms.gradescope import results_json
from autograder.platforms.gradescope.metadata import Metadata, read_metadata
from autograder.proofs import refuse_exposed
from autograder.reports.console import render
from autograder.reports.html import render_html
from autograder.results import GradingResult, Outcome
from autograder.selection import selected_items
from autograder.source.lines import printable
from autograder.student.own_folder import unpacked

LONG = 4096
"""A path that is to be copied is told in full."""


@dataclass(frozen=True)
class CheckRequest:
    """What a student asks for: the public checks on the assignment in ``folder``."""

    folder: Path
    only: tuple[str, ...]
    """Words for the items, as `selected_items` takes them."""
    options: Options
    html: Path | None = None
    every_note: bool = False


@dataclass(frozen=True)
class GradeRequest:
    """What the staff or a platform asks for: all checks on one submission, and where the results go."""

    slug: str
    path: Path
    options: Options
    only: tuple[str, ...] = ()
    """Words for the items, as `selected_items` takes them."""
    root: Path | None = None
    out: Path | None = None
    html: Path | None = None
    html_for_staff: bool = False
    json_output: bool = False
    metadata: Path | None = None

    @property
    def results(self) -> Path | None:
        """The file of results, None where none is asked for."""
        return self.out / "results.json" if self.out is not None else None

    @property
    def reports(self) -> list[Path]:
        """The reports to look at."""
        return [path for path in (self.out and self.out / "report.html", self.html) if path is not None]


def check(request: CheckRequest) -> int:
    """Run the public checks, print what they found, and return the exit status."""
    _forget_report(request.html)
    assignment = unpacked(request.folder)
    options = replace(request.options, only=selected_items(assignment.manifest, request.only))
    result = _graded(assignment, assignment.folder, options)
    render(result, Console(), every_note=request.every_note)
    if request.html is not None:
        _write_report(request.html, result, staff=False)
        print(f"\nwritten: {request.html}")
    return _status(result)


def grade(request: GradeRequest) -> int:
    """Grade a submission, deliver the results, and return the exit status."""
    refuse_exposed()
    assignment = load_assignment(request.root or find_root(), request.slug)
    only = selected_items(assignment.manifest, request.only)
    _prepare(request, assignment)
    request = replace(request, options=replace(request.options, only=only))
    with Interruption() as interruption:  # a signal may end the checks, but not the writing of what they found
        result = _graded_or_told(request, assignment, interruption)
        facts = read_metadata(request.metadata) if request.metadata is not None else None
        if facts is not None:
            result = _with_lateness(result, assignment, request, facts)
        _deliver(request, assignment, result, facts)
        return _status(result)


def _prepare(request: GradeRequest, assignment: Assignment) -> None:
    """Look at the request, and let nothing that is there look like the results of a run that breaks off."""
    if not request.path.exists():
        raise UserError(f"{request.path}: there is nothing here to grade")
    if request.metadata is None:
        _refuse_class(request, assignment)
    if request.out is not None:
        _make_folder(request.out)
    _write(request.results, results_json.pessimistic(assignment))
    for report in request.reports:
        _forget_report(report)


def _refuse_class(request: GradeRequest, assignment: Assignment) -> None:
    """Refuse the submissions of a class, such as an export of the platform, of which one would stand for all."""
    if is_class(request.path, assignment):
        path = printable(shlex.quote(str(request.path)), LONG)
        one = ", or name one of those in it" if request.path.is_dir() else ""
        raise UserError(
            f"{printable(request.path, LONG)}: holds the submissions of a class, and one is graded at a time;"
            f" grade them all with `autograder batch {assignment.slug} {path}`{one}"
        )


def _graded_or_told(request: GradeRequest, assignment: Assignment, interruption: Interruption) -> GradingResult:
    """Grade; where that is not possible, the file of results says so."""
    try:
        return _graded(assignment, request.path, request.options, interruption)
    except UnreadableSubmission as error:
        _write(request.results, results_json.refused(assignment, str(error)))
        raise
    except _GraderBroke:
        _write(request.results, results_json.broken(assignment))
        raise


def _with_lateness(
    result: GradingResult, assignment: Assignment, request: GradeRequest, facts: Metadata
) -> GradingResult:
    if facts.created_at is None:
        why = f"autograder: {request.metadata}: does not say when this was handed in; taken as on time"
        print(why, file=sys.stderr)
    _compare_points(assignment, facts.total_points)
    return apply_late_policy(assignment, result, facts.created_at, facts.due_date)


def _deliver(request: GradeRequest, assignment: Assignment, result: GradingResult, facts: Metadata | None) -> None:
    """Write the results and the reports, and print what is asked for."""
    showing = assignment.manifest.feedback.showing(facts.attempt if facts is not None else 1)
    data = results_json.results_dict(result, showing=showing, metadata=facts)
    _write(request.results, data)
    for report in request.reports:
        _write_report(report, result, staff=request.html_for_staff)
    if request.json_output:
        sys.stdout.write(results_json.results_bytes(data).decode())
        return
    render(result, Console(), staff=True)
    if written := [str(path) for path in (request.results, *request.reports) if path is not None]:
        print(f"\nwritten: {', '.join(written)}")


def _compare_points(assignment: Assignment, platform: float | None) -> None:
    """Tell staff where the platform's total is neither that of the rubric nor that of the grader's own part."""
    ours = (assignment.manifest.total(), assignment.manifest.total(Kind.AUTO))
    if platform is not None and all(abs(platform - total) > 1e-6 for total in ours):
        print(
            f"autograder: Gradescope gives {platform:g} points for this assignment, the rubric {ours[0]:g}"
            f" ({ours[1]:g} of them by the grader): make them agree",
            file=sys.stderr,
        )


class _GraderBroke(SystemExit):
    """Ends the command after its line was printed: the grader, or the machine, failed."""


def _graded(
    assignment: Assignment, path: Path, options: Options, interruption: Interruption | None = None
) -> GradingResult:
    try:
        with _progress() as progress:
            return run_grading(assignment, path, options, progress, interruption)
    except GraderError as error:
        print(f"autograder: the grader is broken, not the submission: {error}", file=sys.stderr)
        raise _GraderBroke(RUN_FAILED) from None
    except OSError as error:
        print(f"autograder: this machine failed the grader, not the submission: {error}", file=sys.stderr)
        raise _GraderBroke(RUN_FAILED) from None


def _write(path: Path | None, data: Mapping[str, Any]) -> None:
    """Write a file of results, where one is asked for."""
    if path is not None:
        with _writing(path):
            results_json.write_results(path, data)


def _forget_report(path: Path | None) -> None:
    """Remove the report of an earlier grading: where this one breaks off, none must look like its own."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"{path}: name a file, such as report.html, in a folder that is there")
    with _writing(path):
        path.unlink(missing_ok=True)


def _write_report(path: Path, result: GradingResult, *, staff: bool) -> None:
    with _writing(path):
        results_json.replace_file(path, render_html(result, staff=staff).encode("utf-8"))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in one line that a file cannot be written."""
    try:
        yield
    except OSError as error:
        print(f"autograder: {path}: cannot be written: {error.strerror}; grade again", file=sys.stderr)
        raise SystemExit(RUN_FAILED) from None


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Give a function that draws a bar on a terminal; nothing elsewhere."""
    if not may_draw_bars():
        yield None
        return
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("checking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _make_folder(folder: Path) -> None:
    if folder.is_file():
        raise UserError(f"{folder}: this is a file; name a folder, in which results.json will be")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror}") from None


def _status(result: GradingResult) -> int:
    """1 where the grader was at fault or did not get to a check; items that nobody asked for do not count."""
    tried = any(check.outcome.is_provisional for item in result.items for check in item.checks)
    broken = [item.id for item in result.items if item.outcome is Outcome.ERROR and not item.checks]
    if broken:
        print(f"autograder: the grader is broken: no check belongs to {', '.join(broken)}", file=sys.stderr)
    return RUN_FAILED if tried or broken else 0
