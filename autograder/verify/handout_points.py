"""The points that a handout states, held against the manifest."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.assignment import Assignment
from autograder.errors import did_you_mean
from autograder.release.handouts import Handout
from autograder.release.template import HANDOUT
from autograder.texts import decode
from autograder.verify.matrix import Problem, ProblemKind

_CLOSE = 1e-9


def handout_problems(assignment: Assignment) -> list[Problem]:
    """Return what tables and headings of the handout say otherwise than the manifest.

    Headings (``## Problem 1 (40 points)``) are compared where the tables list every item of the rubric.
    """
    path = assignment.folder / HANDOUT
    try:
        handout = Handout(decode(path.read_bytes(), str(path)))
    except ValueError as error:
        return [_problem(str(error), "write a table row as | `item` | points |, with as many numbers as items")]
    return list(_problems(assignment, handout))


def _problems(assignment: Assignment, handout: Handout) -> Iterator[Problem]:
    points = {item.id: item.points for item in assignment.manifest.items}
    for row in handout.rows:
        if row.item not in points:
            what = f"line {row.line + 1} names an item {row.item!r}, which is not in the manifest"
            yield _problem(what + did_you_mean(row.item, list(points)), "name the items of the manifest")
        elif abs(points[row.item] - row.points) > _CLOSE:
            what = f"line {row.line + 1} gives {row.item} {row.points:g}, and the manifest {points[row.item]:g}"
            yield _problem(what, "let both say the same")
    if {row.item for row in handout.rows} < points.keys():
        return
    for section in handout.sections:
        rows = handout.rows_in(section)
        total = sum(points.get(row.item, 0.0) for row in rows)
        if section.points is not None and rows and abs(section.points - total) > _CLOSE:
            what = f"line {section.first + 1} promises {section.points:g} points, and its items have {total:g}"
            yield _problem(what, "let both say the same")


def _problem(what: str, fix: str) -> Problem:
    return Problem(kind=ProblemKind.HANDOUT, where=HANDOUT, what=what, fix=fix)
