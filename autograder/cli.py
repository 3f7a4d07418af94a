"""The command ``autograder``. Exit status: 0 graded, 1 grader trouble, 2 misuse."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autograder import __version__
from autograder.errors import UnreadableHandIn, UserError
from autograder.grading.device_choice import Device

if TYPE_CHECKING:
    from autograder.assignment import Assignment
    from autograder.grading.grade import Progress
    from autograder.grading.interruption import Interruption
    from autograder.results import GradingResult

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

TROUBLE, MISUSE = 1, 2


class Sandbox(StrEnum):
    """What to do where the machine does not offer a wall."""

    STRICT = "strict"
    BEST_EFFORT = "best-effort"


SandboxOption = Annotated[
    Sandbox, typer.Option("--sandbox", help="strict: refuse where a needed wall is missing; best-effort: say so.")
]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="ITEM", help="Grade this item only; repeatable.")]
NoTraining = Annotated[bool, typer.Option("--no-training", help="Leave out the training items.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write a report to look at into this file.")]
Root = Annotated[
    Path | None, typer.Option("--root", help="Folder that holds assignments/ and solutions/ [default: found].")
]


@app.callback(invoke_without_command=True)
def every(
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Build, distribute and grade assignments on deep generative models."""
    if version:
        print(f"autograder {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors of users are one line on stderr."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        print(f"autograder: {error}", file=sys.stderr)
        raise SystemExit(MISUSE) from None


@app.command()
def check(
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM]...", help="Items to check [default: all].")
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="The folder of your assignment.")] = Path(),
    no_training: NoTraining = False,
    html: Html = None,
) -> None:
    """Check your own work.

    Runs the public checks in the folder that you unpacked, and says which items pass and what to do next.
    """
    from autograder.launch import clean_start

    clean_start()
    from autograder.assignment import MANIFEST, Assignment, read_manifest
    from autograder.grading.grade import Options

    _forget_report(html)
    folder = folder.absolute()
    if not (folder / MANIFEST).is_file():
        near = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
        it = f"go to {near[0]}/" if len(near) == 1 else "go to the folder that you unpacked"
        raise UserError(f"{folder}: no {MANIFEST} here; {it}, or name it with --folder")
    assignment = Assignment(folder.name, folder, read_manifest(folder / MANIFEST))
    if not assignment.public_checks.is_dir():
        raise UserError(f"{assignment.public_checks}: the checks are gone; unpack the zip that you got once more")
    options = Options(only=frozenset(items or ()), training=not no_training, hidden=False)
    result = _grade(assignment, folder, options)
    _print(result, staff=False)
    if html is not None:
        _write_report(html, result, staff=False)
        print(f"\nwritten: {html}")
    raise SystemExit(_status(result))


@app.command()
def grade(
    slug: Annotated[str, typer.Argument(help="The assignment, such as ift6135_a3.")],
    path: Annotated[Path, typer.Argument(help="What was handed in: a folder, a zip, or one file.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write results.json and report.html into this folder.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print results.json instead of a table.")] = False,
    html: Html = None,
    html_for_staff: Annotated[
        bool, typer.Option("--html-for-staff", help="In the report: also hidden checks, walls and times.")
    ] = False,
    only: Only = None,
    no_training: NoTraining = False,
    deadline: Annotated[
        float | None, typer.Option(min=1.0, help="Seconds for the whole run; what is not reached is for a regrade.")
    ] = None,
    grading_seed: Annotated[
        str | None, typer.Option(help="Another seed than that of grading.toml, for calibration.")
    ] = None,
    sandbox: SandboxOption = Sandbox.BEST_EFFORT,
    device: Annotated[
        Device, typer.Option(help="Where the grader's own part of a training runs; auto: on a GPU, if there is one.")
    ] = Device.AUTO,
    metadata: Annotated[Path | None, typer.Option(help="Gradescope's submission_metadata.json.")] = None,
    root: Root = None,
) -> None:
    """Grade one hand-in with all checks."""
    from autograder.launch import clean_start, started

    seed = clean_start(secret=grading_seed)
    from autograder.assignment import find_root, load_assignment
    from autograder.grading.grade import Options
    from autograder.grading.interruption import Interruption
    from autograder.grading.late import apply_late_policy
    from autograder.platforms.gradescope import results_json
    from autograder.platforms.gradescope.metadata import read_metadata

    assignment = load_assignment(root or find_root(), slug)
    if not path.exists():
        raise UserError(f"{path}: there is nothing here to grade")
    for item_id in only or ():
        assignment.manifest.item(item_id)
    if out is not None:
        _make_folder(out)
        _write(out / "results.json", results_json.pessimistic(assignment))
    reports = [path for path in (out and out / "report.html", html) if path is not None]
    for report in reports:
        _forget_report(report)
    options = Options(frozenset(only or ()), not no_training, seed=seed, deadline=deadline, started=started())
    options = replace(options, strict=sandbox is Sandbox.STRICT, device=device)
    with Interruption() as interruption:  # a signal may end the checks, but not the writing of what they found
        try:
            result = _grade(assignment, path, options, interruption)
        except UnreadableHandIn as error:
            if out is not None:
                _write(out / "results.json", results_json.refused(assignment, str(error)))
            raise
        except _GraderBroke:
            if out is not None:
                _write(out / "results.json", results_json.broken(assignment))
            raise
        facts = read_metadata(metadata) if metadata is not None else None
        if facts is not None:
            if facts.created_at is None:
                why = f"autograder: {metadata}: does not say when this was handed in; taken as on time"
                print(why, file=sys.stderr)
            _compare_points(assignment, facts.total_points)
            result = apply_late_policy(assignment, result, facts.created_at, facts.due_date)
        showing = assignment.manifest.feedback.showing(facts.attempt if facts is not None else 1)
        data = results_json.results_dict(result, showing=showing, metadata=facts)
        if out is not None:
            _write(out / "results.json", data)
        for report in reports:
            _write_report(report, result, staff=html_for_staff)
        if json_output:
            sys.stdout.write(results_json.results_bytes(data).decode())
        else:
            _print(result, staff=True)
            if written := [str(path) for path in (out and out / "results.json", *reports) if path is not None]:
                print(f"\nwritten: {', '.join(written)}")
        raise SystemExit(_status(result))


@app.command(name="validate-results")
def validate_results(file: Annotated[Path, typer.Argument(help="A results.json for Gradescope.")]) -> None:
    """Say whether Gradescope will take a results file.

    Where it will not, every line says what to mend.
    """
    from autograder.platforms.gradescope import validate

    if not file.is_file():
        raise UserError(f"{file}: {'a folder; name the file in it' if file.is_dir() else 'there is no such file'}")
    problems = validate.validate_results(file)
    for problem in problems:
        print(f"{file}: {problem}")
    if any(not validate.is_warning(problem) for problem in problems):
        raise SystemExit(TROUBLE)
    print(f"{file}: valid")


@app.command()
def doctor(
    sandbox: SandboxOption = Sandbox.BEST_EFFORT,
    private_user: Annotated[
        bool, typer.Option("--private-user", help="A worker that keeps the grader's user is an error.")
    ] = False,
) -> None:
    """Try out what grading needs on this machine.

    Libraries, and the walls around a worker, from inside one.
    """
    from autograder.launch import clean_start

    clean_start()
    from autograder.doctor import examine

    raise SystemExit(examine(strict=sandbox is Sandbox.STRICT, private_user=private_user))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the release and the results.")] = Path("demo-output"),
    slug: Annotated[str, typer.Option("--assignment", help="The assignment to show.")] = "ift6135_a3",
    root: Root = None,
) -> None:
    """Show a release and four gradings.

    Builds the release of an assignment and grades the reference, the untouched template and two instructive wrong
    hand-ins.
    """
    from autograder.launch import clean_start

    clean_start()
    from autograder.assignment import find_root, load_assignment
    from autograder.demo import run_demo

    folder = root or find_root()
    raise SystemExit(run_demo(folder, load_assignment(folder, slug), out))


def _compare_points(assignment: Assignment, platform: float | None) -> None:
    """Tell staff where the platform's total is neither that of the rubric nor that of the grader's own part."""
    from autograder.assignment import Kind

    ours = (assignment.manifest.total(), assignment.manifest.total(Kind.AUTO))
    if platform is not None and all(abs(platform - total) > 1e-6 for total in ours):
        print(
            f"autograder: Gradescope gives {platform:g} points for this assignment, the rubric {ours[0]:g}"
            f" ({ours[1]:g} of them by the grader): make them agree",
            file=sys.stderr,
        )


class _GraderBroke(SystemExit):
    """Ends the command after its line was printed: the grader, or the machine, failed."""


def _grade(
    assignment: Assignment, path: Path, options: object, interruption: Interruption | None = None
) -> GradingResult:
    from autograder.grading.grade import Options
    from autograder.grading.grade import grade as run
    from autograder.grading.trouble import GraderTrouble

    assert isinstance(options, Options)
    try:
        with _progress() as progress:
            return run(assignment, path, options, progress, interruption)
    except GraderTrouble as error:
        print(f"autograder: the grader is broken, not the hand-in: {error}", file=sys.stderr)
        raise _GraderBroke(TROUBLE) from None
    except OSError as error:
        print(f"autograder: this machine failed the grader, not the hand-in: {error}", file=sys.stderr)
        raise _GraderBroke(TROUBLE) from None


def _write(path: Path, data: Mapping[str, Any]) -> None:
    from autograder.platforms.gradescope.results_json import write_results

    with _writing(path):
        write_results(path, data)


def _forget_report(path: Path | None) -> None:
    """Remove the report of an earlier grading: where this one breaks off, none must look like its own."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"{path}: name a file, such as report.html, in a folder that is there")
    with _writing(path):
        path.unlink(missing_ok=True)


def _write_report(path: Path, result: GradingResult, *, staff: bool) -> None:
    from autograder.platforms.gradescope.results_json import replace_file
    from autograder.reports.html import render_html

    with _writing(path):
        replace_file(path, render_html(result, staff=staff).encode("utf-8"))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in one line that a file cannot be written."""
    try:
        yield
    except OSError as error:
        print(f"autograder: {path}: cannot be written: {error.strerror}; grade again", file=sys.stderr)
        raise SystemExit(TROUBLE) from None


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Give a function that draws a bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("checking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(result: GradingResult, *, staff: bool) -> None:
    from rich.console import Console

    from autograder.reports.console import render

    render(result, Console(), staff=staff)


def _make_folder(folder: Path) -> None:
    if folder.is_file():
        raise UserError(f"{folder}: this is a file; name a folder, in which results.json will be")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror}") from None


def _status(result: GradingResult) -> int:
    """1 where the grader was at fault or did not get to a check; items that nobody asked for do not count."""
    from autograder.results import Outcome

    tried = any(check.outcome.is_provisional for item in result.items for check in item.checks)
    broken = [item.id for item in result.items if item.outcome is Outcome.ERROR and not item.checks]
    if broken:
        print(f"autograder: the grader is broken: no check belongs to {', '.join(broken)}", file=sys.stderr)
    return TROUBLE if tried or broken else 0
