"""The instructor's entry: ``build.py [SLUG...]`` builds; ``verify`` proves a rubric; ``release`` builds what is proved;
``class`` makes a class to try grading on.

Without a subcommand it builds. Exit status: 0 done; 1 a leak, stale templates, a rubric that is not proved; 2 something
for you to fix before that can be said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from autograder.assignment import Assignment, load_assignment
from autograder.errors import UserError
from autograder.grading.grader_error import GraderError
from autograder.platforms.gradescope.bundle import bundle_files
from autograder.platforms.gradescope.settings import read_choices
from autograder.release.building import Release, build, stale_files
from autograder.release.leakcheck import LeakFound
from autograder.verify.command import choose, folder_for, never_verified, objections, verify_and_save
from autograder.verify.reporting.tables import show_item, show_summary, tracebacks
from autograder.verify.verified import VERIFIED as VERIFIED_FILE

if TYPE_CHECKING:
    from autograder.verify.measuring import Measures

ROOT = Path(__file__).resolve().parent
DIST = ROOT / "dist"
VERIFIED = DIST / "verify"


class BuildByDefault(TyperGroup):
    """A group of commands in which whatever is no command is an argument of ``build``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``build`` before arguments that do not begin with a command or ask for help."""
        if not args or args[0] not in {*self.commands, "--help"}:
            args = ["build", *args]
        return super().parse_args(ctx, args)


SettingOption = Annotated[
    list[str] | None,
    typer.Option("--setting", metavar="NAME=VALUE", help="A line of the Gradescope zip's settings.conf; repeatable."),
]

app = typer.Typer(cls=BuildByDefault, add_completion=False, rich_markup_mode=None, help=__doc__)


@app.callback()
def main() -> None:
    """Build what students and graders get from the marked references."""


@app.command("build")
def build_command(
    slugs: Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="Assignments; all by default.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the zips go.")] = DIST,
    check: Annotated[bool, typer.Option("--check", help="Only say whether student_templates/ is up to date.")] = False,
    setting: SettingOption = None,
) -> None:
    """Build student_templates/, <slug>_student.zip and <slug>_gradescope.zip."""
    with _one_line():
        if check:
            _check(slugs or [])
        else:
            _build(slugs or [], out, setting or [])


@app.command("verify")
def verify_command(
    slugs: Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="Assignments; all by default.")] = None,
    item: Annotated[str, typer.Option("--item", metavar="ID", help="Only this item, in seconds; see above.")] = "",
    concept: Annotated[str, typer.Option("--concept", metavar="NAME", help="A concept by itself, or `all`.")] = "",
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from verified.json.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Processes.")] = os.cpu_count() or 1,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the matrices go.")] = VERIFIED,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use nothing that is kept of earlier runs.")] = False,
    automatic: Annotated[bool, typer.Option("--automatic", help="Instead: try automatic mutants.")] = False,
    calibrate: Annotated[int, typer.Option("--calibrate", metavar="N", min=0, help="Instead: N grading seeds.")] = 0,
    power: Annotated[int, typer.Option("--power", metavar="N", min=0, help="Instead: N seeds of each mutant.")] = 0,
    margins: Annotated[int, typer.Option("--margins", metavar="N", min=0, help="Instead: train N times.")] = 0,
) -> None:
    """Prove a rubric: grade the reference, the template, the alternatives and all mutants.

    Saves the kill matrix as DIR/<slug>/matrix.html and matrix.json, and what students with each of the bugs read as
    messages.txt. Exit status 1, and a line for each problem, unless every mutant is killed by its own item and by
    no other, at its penalty, and can be told from the others; every check kills; alternatives have full marks; the
    template has none; claims of equivalence hold on 10,000 inputs; trivial methods earn nothing for training, and
    the reference stays off its thresholds by the margin that is on record.

    What was found out is kept (DIR/<slug>/kept.jsonl), and done again only where something changed that has a say in
    it: the variant, the item's checks and their concepts, the files that they reach, the engine. A run that was
    interrupted goes on where it was.

    With --item: this item's checks on the reference, the template, the alternatives and its own mutants, and these on
    what else they reach. Claims of equivalence are tried on 200 inputs. It counts for no release.

    With --concept: the proof of what assignments share, in proofs/, by itself.

    A pass goes on record in verified.json, which is committed. With --changed: those assignments and concepts that
    are something else now than what is there; what is not there at all is named. The engine has no say in that.

    The measures, which are saved next to the matrix, count for none either. --automatic tries every generic slip in
    the marked regions, and names the survivors. --calibrate grades correct solutions: no check may fail and no
    p-value be too small too often, over N seeds for the reference's statistical checks and N / 10 for everything.
    --power counts how often mutants that only statistics can see are caught. --margins trains the reference and
    other right networks (networks.toml) and keeps in the assignment's margins.json how far they are off every
    threshold; verifications rest on N = 20.
    """
    with _one_line():
        if changed and (item or automatic or calibrate or power or margins):
            raise UserError("--changed asks for whole verifications; leave out --item and the measures")
        if automatic or calibrate or power or margins:
            from autograder.verify.measuring import Measures

            _measure(slugs or [], concept, item, jobs, out, Measures(automatic, calibrate, power, margins))
            return
        for name in never_verified(ROOT, slugs or []) if changed and not concept else ():
            typer.echo(f"not on record in {VERIFIED_FILE}; run: python build.py verify {name}", err=True)
        _verify(choose(ROOT, slugs or [], item, concept, changed=changed), item, jobs, out, fresh)


@app.command("release")
def release_command(
    slugs: Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="Assignments; all by default.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the zips go.")] = DIST,
    setting: SettingOption = None,
) -> None:
    """Build only what was verified: exit status 1 unless `verify` passed with exactly the files that are there now."""
    with _one_line():
        _release(slugs or [], out, setting or [])


@app.command("class")
def class_command(
    name: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment; with --check, the folder of a batch.")],
    size: Annotated[int, typer.Option("--size", metavar="N", help="Submissions.")] = 60,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Another one makes another class.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="A new folder for it [default: SLUG-class].")
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="TRUTH", help="Instead: compare a batch with DIR/truth.csv.")
    ] = None,
) -> None:
    """Make a synthetic class to try `autograder batch` on: DIR/export.zip, and DIR/truth.csv with what is true of it.

    More than half are mutants of mutants.toml; the others the reference, alternatives, the template, two mutants at
    once, missing and broken files and zips, empty folders, submissions without a folder, copies, hostile ones; some
    late, of groups, of students with odd names. Same seed, same bytes.

    With --check TRUTH, SLUG is the folder that a batch of that class wrote into: prints a line for each difference and
    how many agree. Exit status 1 where there is one.
    """
    with _one_line():
        if check is not None:
            _compare(check, Path(name))
        else:
            _make_class(name, size, seed, out or Path(f"{name}-class"))


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn what the instructor can fix into one line and an exit status."""
    try:
        yield
    except UserError as error:
        typer.echo(f"build.py: {error}", err=True)
        raise typer.Exit(2) from None
    except LeakFound as error:
        typer.echo(f"build.py: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("build.py: interrupted before it was done; run it again", err=True)
        raise typer.Exit(130) from None


def _check(slugs: list[str]) -> None:
    lines = stale_files(ROOT, slugs)
    for line in lines:
        typer.echo(line, err=True)
    if lines:
        typer.echo("student_templates/ is stale; run build.py and commit what it changes", err=True)
        raise typer.Exit(1)
    typer.echo("student_templates/ is up to date")


def _build(slugs: list[str], out: Path, settings: list[str]) -> None:
    _show(build(ROOT, slugs, out=out, platform_files=partial(bundle_files, settings=read_choices(settings))))


def _measure(slugs: list[str], concept: str, item: str, jobs: int, out: Path, measures: Measures) -> None:
    from autograder.verify.measuring import measure

    console, problems = Console(highlight=False), []
    try:
        for one in choose(ROOT, slugs, item, concept):
            problems += measure(one, measures, folder_for(out, one, item), console, item=item, jobs=jobs)
    except GraderError as error:
        problems.append(f"build.py: {error}")
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)


def _verify(chosen: list[Assignment], item: str, jobs: int, out: Path, fresh: bool) -> None:
    if not chosen:
        typer.echo(f"nothing differs from what is on record in {VERIFIED_FILE}")
        return
    console = Console(highlight=False)
    try:
        found = [verify_and_save(ROOT, one, out, item=item, jobs=jobs, fresh=fresh) for one in chosen]
    except GraderError as error:
        typer.echo(f"build.py: {error}", err=True)
        raise typer.Exit(1) from None
    if raised := "\n\n".join(filter(None, (tracebacks(report) for report, _ in found))):
        typer.echo(f"{raised}\n", err=True)
    elif item:
        show_item(found[0][0], console)
    show_summary([report for report, _ in found], console)
    for report, page in found:
        for problem in report.problems:
            typer.echo(f"{report.slug}: {problem}", err=True)
        typer.echo(page)
    if not all(report.passed for report, _ in found):
        raise typer.Exit(1)


def _release(slugs: list[str], out: Path, settings: list[str]) -> None:
    lines = objections(ROOT, choose(ROOT, slugs), VERIFIED)
    for line in lines:
        typer.echo(line, err=True)
    if lines:
        raise typer.Exit(1)
    _build(slugs, out, settings)


def _make_class(slug: str, size: int, seed: int, out: Path) -> None:
    from autograder.verify.synthetic.class_export import EXPORT, write_class
    from autograder.verify.synthetic.class_members import DUE
    from autograder.verify.synthetic.truth_table import TRUTH

    made = write_class(load_assignment(ROOT, slug), size, seed, out)
    typer.echo(f"{size} submissions: {', '.join(f'{count} {kind}' for kind, count in made.kinds.items())}")
    typer.echo(f"due {DUE:%Y-%m-%dT%H:%MZ}; written: {out / EXPORT}, {out / TRUTH}")


def _compare(truth: Path, folder: Path) -> None:
    from autograder.batch.truth_comparison import compare_with_truth

    found = compare_with_truth(truth, folder)
    for difference in found.differences:
        typer.echo(str(difference), err=True)
    typer.echo(f"{found.agreeing} of {found.submissions} submissions agree, with {found.outcomes} outcomes of items")
    if found.differences:
        raise typer.Exit(1)


def _show(releases: list[Release]) -> None:
    table = Table("assignment", "files", "blanks", "points", "student zip", "Gradescope zip", "leak check", box=SIMPLE)
    table.columns[0].no_wrap = True
    for column in table.columns[1:-1]:
        column.justify = "right"
    for release in releases:
        table.add_row(*_row(release))
    Console(highlight=False).print(table)


def _row(release: Release) -> tuple[str, ...]:
    manifest = release.assignment.manifest
    extra = manifest.total(extra_credit=True)
    return (
        release.assignment.slug,
        str(len(release.template)),
        str(release.blanks),
        f"{manifest.total():g}" + (f" + {extra:g}" if extra else ""),
        _size(release.student_zip),
        _size(release.gradescope_zip),
        "clean",
    )


def _size(data: bytes) -> str:
    return f"{len(data) / 1024:.0f} KiB"


if __name__ == "__main__":
    app()
