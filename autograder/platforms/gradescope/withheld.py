"""A grading as students see it while what hidden checks found is withheld: what the public checks found, no more.

Whether a hidden check passes is one bit about it, and a student may hand in often. Everything here depends on public
checks alone: points by their weights, no hints, since a hint is chosen by what all checks found.
"""

from __future__ import annotations

from autograder.assignment import Item, Showing
from autograder.grading.scoring import score_item
from autograder.reports.plain_text import item_text, next_steps
from autograder.reports.safe_text import one_line, points, worth
from autograder.results import CheckResult, GradingResult, ItemResult, Kind, Outcome

WHEN = {
    Showing.AFTER_DUE_DATE: "after the due date",
    Showing.AFTER_PUBLISHED: "when the grades are published",
}


def is_withheld(item: ItemResult, showing: Showing) -> bool:
    """Whether students do not see now what became of an item: hidden checks had a say in it."""
    return showing is not Showing.AT_ONCE and any(not check.public for check in item.checks)


def public_part(result: GradingResult) -> GradingResult:
    """Return the grading as if the public checks alone had been run, on the items that have any.

    It is without lateness, which shows the points.
    """
    items = tuple(_public_item(item) if item.kind is Kind.AUTO else item for item in result.items if _is_open(item))
    return result.model_copy(update={"items": items, "public_only": True, "late": None})


def _is_open(item: ItemResult) -> bool:
    return item.kind is not Kind.AUTO or not item.checks or any(check.public for check in item.checks)


def withheld_text(result: GradingResult, showing: Showing) -> str:
    """Return what students read in place of the results of items with hidden checks."""
    public = public_part(result)
    told = [item for item in public.items if item.kind is Kind.AUTO]
    blocks = [
        f"Hidden checks have a say in these points; what they found is shown {WHEN[showing]}.",
        f"By the public checks alone: {points(public.points)} of {worth(public.max_points)}. Item by item:",
    ]
    blocks += [f"{one_line(f'{item.title} ({item.id})')}: {item_text(item)}" for item in told]
    if closed := [item.id for item in result.items if not _is_open(item)]:
        blocks.append(f"Only hidden checks look at: {', '.join(closed)}.")
    return "\n\n".join([*blocks, next_steps(public)])


def _public_item(item: ItemResult) -> ItemResult:
    """Score an item by its public checks; what costs all of it, such as a missing file, is no secret."""
    checks = [_without_hint(check) for check in item.checks if check.public]
    entry = Item(
        id=item.id,
        title=item.title,
        points=item.max_points,
        kind=item.kind,
        extra_credit=item.extra_credit,
        file="not_asked_for.py",
    )
    return score_item(entry, checks, lost=item.message if item.outcome is Outcome.FAIL else "")


def _without_hint(check: CheckResult) -> CheckResult:
    return check.model_copy(update={"hint": "", "misconception": ""})
