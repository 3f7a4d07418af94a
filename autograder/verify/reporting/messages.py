"""The words of a rubric: all that students read for every known mistake, as one text to read and compare."""

from __future__ import annotations

from autograder.reports.safe_text import indent
from autograder.verify.matrix import Report, Role


def messages_of(report: Report) -> str:
    """Return what a student with each mutant reads about its item, by item in the order of the rubric."""
    rows = [row for row in report.of_role(Role.MUTANT) if row.reads]
    lines = []
    for item in report.items:
        own = [row for row in rows if row.own == item.id]
        lines += [f"# {item.id}: {item.title}", ""] if own else []
        for row in own:
            lines += [f"## {row.name}", "", indent(row.misconception, 2), "", indent(row.reads, 4), ""]
    return "\n".join(lines)
