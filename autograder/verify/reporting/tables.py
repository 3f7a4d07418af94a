"""A verification for the terminal: one line where all is well, each problem where it is not."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.verify.matrix import Cell, CheckException, Report, Role, Row, Sees

COLUMNS = ("assignment", "items", "checks", "killed", "full marks", "equal", "hints", "problems")


def show_summary(reports: Sequence[Report], console: Console) -> None:
    """Print one line for each assignment.

    ``killed`` counts mutants, ``full marks`` the reference and the alternatives, ``equal`` the claims of equivalence
    that stand, ``hints`` those that are right / none / wrong.
    """
    table = Table(*COLUMNS, box=SIMPLE, collapse_padding=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for report in reports:
        table.add_row(*_summary(report))
    console.print(table)


def tracebacks(report: Report) -> str:
    """Return what checks themselves raised on the reference, one traceback for each cause; "" where none did."""
    found: dict[str, CheckException] = {}
    for exception in (exception for row in report.rows for exception in row.exceptions):
        found.setdefault(exception.cause, exception)
    return "\n\n".join(f"{exception.check}\n{exception.text}" for exception in found.values())


def _summary(report: Report) -> tuple[str, ...]:
    mutants = report.of_role(Role.MUTANT)
    correct = [*report.of_role(Role.REFERENCE), *report.of_role(Role.ALTERNATIVE)]
    standing = sum(not claim.difference and claim.inputs > 0 for claim in report.claims)
    hints = "/".join(str(sum(row.sees is sees for row in mutants)) for sees in Sees)
    return (
        report.slug,
        str(sum(report.scope in ("", item.id) for item in report.items)),
        str(sum(report.scope in ("", check.item) for check in report.checks)),
        f"{sum(bool(row.killers) for row in mutants)}/{len(mutants)}",
        f"{sum(not row.lost for row in correct)}/{len(correct)}",
        f"{standing}/{len(report.claims)}",
        hints,
        str(len(report.problems)) if report.problems else "none",
    )


def show_item(report: Report, console: Console) -> None:
    """Print what every variant loses in the one item of the report, and which checks see it.

    ``X`` is a wrong value, ``!`` an exception, ``?`` a check at fault, ``.`` a check that passed.
    """
    checks = report.checks_of(report.scope)
    table = Table("variant", "lost", *(check.label for check in checks), "hint", box=SIMPLE, collapse_padding=True)
    for column in table.columns:
        column.no_wrap = True
    reaching = any(_elsewhere(row, report.scope) for row in report.rows)
    if reaching:
        table.add_column("elsewhere")
    for row in report.rows:
        if (cell := row.cell(report.scope)) is not None:
            marks = [_mark(cell, check.label) for check in checks]
            other = [Text(_elsewhere(row, report.scope))] if reaching else []
            table.add_row(Text(row.name), f"{cell.lost:g}", *marks, _hint(row), *other)
    console.print(table)
    for check in checks:
        console.print(Text(f"{check.label} kills {check.kills}: {check.id}"), soft_wrap=True)


def _mark(cell: Cell, label: str) -> str:
    if label in cell.killed_by:
        return "X"
    return "!" if label in cell.raised_by else "?" if label in cell.errors else "."


def _hint(row: Row) -> str:
    return "" if row.sees is None else str(row.sees)


def _elsewhere(row: Row, item: str) -> str:
    lost = [f"{cell.item} -{cell.lost:g}" for cell in row.cells if cell.item != item and cell.failed]
    return ", ".join(lost)
