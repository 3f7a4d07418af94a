"""The instructor's entry: ``build.py [SLUG...]`` builds releases; see ``build.py --help``.

Without a subcommand it builds. Exit status: 0 done, 1 a leak or stale templates, 2 something for you to mend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from autograder.errors import UserError
from autograder.release.building import Release, build, stale_files
from autograder.release.leakcheck import LeakFound

ROOT = Path(__file__).resolve().parent


class BuildByDefault(TyperGroup):
    """A group of commands in which whatever is no command is an argument of ``build``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``build`` before arguments that do not begin with a command or ask for help."""
        if not args or args[0] not in {*self.commands, "--help"}:
            args = ["build", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=BuildByDefault, add_completion=False, rich_markup_mode=None, help=__doc__)


@app.callback()
def main() -> None:
    """Build what students and graders get from the marked references."""


@app.command("build")
def build_command(
    slugs: Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="Assignments; all by default.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the zips go.")] = ROOT / "dist",
    check: Annotated[bool, typer.Option("--check", help="Only say whether student_templates/ is up to date.")] = False,
) -> None:
    """Build student_templates/, <slug>_student.zip and <slug>_gradescope.zip."""
    try:
        if check:
            _check(slugs or [])
        else:
            _build(slugs or [], out)
    except UserError as error:
        typer.echo(f"build.py: {error}", err=True)
        raise typer.Exit(2) from None
    except LeakFound as error:
        typer.echo(f"build.py: {error}", err=True)
        raise typer.Exit(1) from None


def _check(slugs: list[str]) -> None:
    lines = stale_files(ROOT, slugs)
    for line in lines:
        typer.echo(line, err=True)
    if lines:
        typer.echo("student_templates/ is stale; run build.py and commit what it changes", err=True)
        raise typer.Exit(1)
    typer.echo("student_templates/ is up to date")


def _build(slugs: list[str], out: Path) -> None:
    from autograder.platforms.gradescope.bundle import bundle_files

    _show(build(ROOT, slugs, out=out, platform_files=bundle_files))


def _show(releases: list[Release]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table("assignment", "files", "blanks", "points", "student zip", "Gradescope zip", "leak check", box=SIMPLE)
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
