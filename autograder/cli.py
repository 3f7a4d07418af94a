"""The command ``autograder``. Exit status: 0 graded, 1 grader error, 2 misuse.

Each command imports its steps after the clean start, which fixes the environment that heavy imports look at.
"""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder import __version__
from autograder.batch.attempts import Attempts
from autograder.batch.grade_columns import TableFormat
from autograder.errors import MISUSE, RUN_FAILED, UserError
from autograder.grading.options import Device, Options
from autograder.launch import clean_start, started

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Sandbox(StrEnum):
    """What to do where the machine does not offer a wall."""

    STRICT = "strict"
    BEST_EFFORT = "best-effort"


SandboxOption = Annotated[
    Sandbox, typer.Option("--sandbox", help="strict: refuse where a needed wall is missing; best-effort: say so.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ITEM", help="Grade this only: an item, a group, a pattern, a file; repeatable."),
]
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
    for stream in (sys.stdout, sys.stderr):  # a name of a file may have signs that a terminal has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(standalone_mode=True)
    except UserError as error:
        print(f"autograder: {error}", file=sys.stderr)
        raise SystemExit(MISUSE) from None


@app.command()
def check(
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ITEM]...", help="What to check: items, groups such as vae, patterns, files [default: all]."
        ),
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="The folder of your assignment.")] = Path(),
    show: Annotated[
        bool,
        typer.Option("--list", help="List items, points, files, and what is written; run nothing."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and check what changed whenever you save a file.")
    ] = False,
    no_training: NoTraining = False,
    notes: Annotated[
        bool, typer.Option("--notes", help="Also say what was left alone, and what this machine does not offer.")
    ] = False,
    html: Html = None,
) -> None:
    """Check your own work.

    Runs the public checks in the folder that you unpacked, and says which items pass and what to do next.
    """
    clean_start()
    if show:
        from rich.console import Console

        from autograder.student.item_table import print_items
        from autograder.student.own_folder import unpacked

        print_items(unpacked(folder), items or (), Console())
        return
    if watch:
        from rich.console import Console

        from autograder.student.watch_loop import watch as stay

        raise SystemExit(stay(folder, items or (), training=not no_training, console=Console()))
    from autograder.grading_commands import CheckRequest
    from autograder.grading_commands import check as run

    options = Options(training=not no_training, hidden=False)
    raise SystemExit(run(CheckRequest(folder, tuple(items or ()), options, html, notes)))


@app.command()
def pack(
    folder: Annotated[Path, typer.Option("--folder", help="The folder of your assignment.")] = Path(),
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The zip to write [default: one in the folder, named after it]."),
    ] = None,
) -> None:
    """Make the zip to hand in.

    Says what is in it and for which points, what was left out, and what to look at before. Nothing is run.
    """
    from autograder.student.pack import pack as run

    raise SystemExit(run(folder, out))


@app.command()
def report(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Markdown or notebooks [default: report.md, or your notebooks]."),
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="The folder of your assignment.")] = Path(),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PDF", help="What to write [default: what is to be handed in].")
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Write a page instead, beside where the PDF would be.")] = False,
) -> None:
    """Make the PDF of your written answers.

    Formulas, tables and pictures are in it, notebooks with their outputs as they were saved. Nothing is run.
    """
    from autograder.student.written_report import report as run

    raise SystemExit(run(folder, sources or (), out, html=html))


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
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Checks that run at once [default: as many as processors and memory allow]."),
    ] = None,
    sandbox: SandboxOption = Sandbox.BEST_EFFORT,
    device: Annotated[
        Device, typer.Option(help="Where the grader's own part of a training runs; auto: on a GPU, if there is one.")
    ] = Device.AUTO,
    metadata: Annotated[Path | None, typer.Option(help="Gradescope's submission_metadata.json.")] = None,
    root: Root = None,
) -> None:
    """Grade one submission with all checks."""
    seed = clean_start(secret=grading_seed)
    from autograder.grading_commands import GradeRequest
    from autograder.grading_commands import grade as run

    options = Options(
        training=not no_training,
        seed=seed,
        deadline=deadline,
        started=started(),
        strict=sandbox is Sandbox.STRICT,
        device=device,
        jobs=jobs,
    )
    request = GradeRequest(
        slug,
        path,
        options,
        only=tuple(only or ()),
        root=root,
        out=out,
        html=html,
        html_for_staff=html_for_staff,
        json_output=json_output,
        metadata=metadata,
    )
    raise SystemExit(run(request))


@app.command()
def batch(
    slug: Annotated[str, typer.Argument(help="The assignment; or `status`, to look at the folder of a batch.")],
    path: Annotated[
        Path,
        typer.Argument(
            metavar="EXPORT", help="Gradescope's export, a folder or zip of submissions, or a CSV of paths and names."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where all goes [default: SLUG-grades].")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Submissions at once, in a cluster at most [default: as many as there are cores]."),
    ] = None,
    scheduler: Annotated[str, typer.Option(metavar="ADDRESS", help="A Dask cluster that is to do it.")] = "",
    only: Only = None,
    no_training: NoTraining = False,
    keep: Annotated[
        Attempts, typer.Option("--latest", help="Of several submissions of one student or group.")
    ] = Attempts.ALL,
    again: Annotated[bool, typer.Option("--again", help="Grade also what is graded.")] = False,
    deadline: Annotated[float | None, typer.Option(min=1.0, help="Seconds for each submission.")] = None,
    sandbox: SandboxOption = Sandbox.STRICT,
    device: Annotated[
        Device, typer.Option(help="Where the grader's own part of a training runs; auto: on a GPU, if there is one.")
    ] = Device.AUTO,
    root: Root = None,
) -> None:
    """Grade a class.

    What was graded before is skipped, so an interrupted run goes on where it was. `autograder batch status DIR` tells
    how far one is.
    """
    clean_start()
    if slug == "status":
        from autograder.batch.status import status_text

        print(status_text(path))
        return
    from autograder.batch.batch_steps import BatchRequest
    from autograder.batch.batch_steps import batch as run

    request = BatchRequest(
        slug,
        path,
        out=out,
        root=root,
        only=tuple(only or ()),
        training=not no_training,
        strict=sandbox is Sandbox.STRICT,
        device=device,
        deadline=deadline,
        jobs=jobs,
        scheduler=scheduler,
        attempts=keep,
        again=again,
    )
    raise SystemExit(run(request))


@app.command()
def gradebook(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a batch wrote into.")],
    manual: Annotated[
        Path | None, typer.Option(help="A CSV of points that people gave: a row per student, a column per manual item.")
    ] = None,
    due: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="When it was due, such as 2026-02-01T23:59, for the late policy."),
    ] = None,
    extensions: Annotated[
        Path | None, typer.Option(help="A CSV of later due dates: a row per student, a column `due`.")
    ] = None,
    form: Annotated[
        TableFormat, typer.Option("--format", help="wide: all there is; the others: what a platform has.")
    ] = TableFormat.WIDE,
    column: Annotated[str, typer.Option(help="What the platform calls the assignment [default: its title].")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write [default: final_grades.csv in DIR].")
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Also write all tables and reports without names, into DIR/anonymous.")
    ] = False,
    root: Root = None,
) -> None:
    """Make final grades of a batch.

    Merges the points that people gave and the late policy, and says what is still missing.
    """
    from autograder.batch.gradebook import GradebookRequest
    from autograder.batch.gradebook import gradebook as run

    request = GradebookRequest(
        folder,
        manual=manual,
        due=due,
        extensions=extensions,
        form=form,
        column=column,
        out=out,
        anonymous=anonymous,
        root=root,
    )
    raise SystemExit(run(request))


@app.command(name="validate-results")
def validate_results(file: Annotated[Path, typer.Argument(help="A results.json for Gradescope.")]) -> None:
    """Say whether Gradescope will take a results file.

    Where it will not, every line says what to fix.
    """
    from autograder.platforms.gradescope import validate

    if not file.is_file():
        raise UserError(f"{file}: {'a folder; name the file in it' if file.is_dir() else 'there is no such file'}")
    problems = validate.validate_results(file)
    for problem in problems:
        print(f"{file}: {problem}")
    if any(not validate.is_warning(problem) for problem in problems):
        raise SystemExit(RUN_FAILED)
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
    submissions.
    """
    clean_start()
    from autograder.assignment import find_root, load_assignment
    from autograder.demo import run_demo

    folder = root or find_root()
    raise SystemExit(run_demo(folder, load_assignment(folder, slug), out))
