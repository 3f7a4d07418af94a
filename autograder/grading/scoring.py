"""From checks to points: what an item is worth, given what became of its checks."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.assignment import Item
from autograder.mutants import Mutant
from autograder.results import CheckResult, ItemResult, Outcome

NOT_TRIED = "no check of this item was run"
BROKEN = "a check of the grader broke here, which says nothing about your work; the staff have to repair it"
NO_CHECK = "the grader has no check for this item, which says nothing about your work; the staff have to add one"


def score_item(item: Item, checks: Sequence[CheckResult], *, lost: str = "", blocked: str = "") -> ItemResult:
    """Return an item's line: points are shared by weight, and 0 while the outcome is provisional.

    ``lost`` says what costs the whole item, such as a missing file; ``blocked`` why an item was not tried at all.
    """
    line = ItemResult(
        id=item.id,
        title=item.title,
        kind=item.kind,
        outcome=None,
        points=0.0,
        max_points=item.points,
        extra_credit=item.extra_credit,
        checks=tuple(checks),
    )
    if not item.is_auto:
        return line
    outcome = _outcome(checks)
    if lost:
        return line.model_copy(update={"outcome": Outcome.FAIL, "message": lost})
    if outcome.is_provisional:
        return line.model_copy(update={"outcome": outcome, "message": blocked or _reason(outcome, checks)})
    total = sum(check.weight for check in checks)
    passed = sum(check.weight for check in checks if check.outcome is Outcome.PASS)
    return line.model_copy(update={"outcome": outcome, "points": item.points * passed / total})


def hinted(checks: Sequence[CheckResult], mutant: Mutant | None) -> list[CheckResult]:
    """Return an item's checks, the first failed one with the hint of the known mistake that explains them, if any."""
    found = list(checks)
    first = next((number for number, check in enumerate(found) if check.outcome is Outcome.FAIL), None)
    if mutant is not None and first is not None:
        found[first] = found[first].model_copy(update={"hint": mutant.hint, "misconception": mutant.id})
    return found


def _reason(outcome: Outcome, checks: Sequence[CheckResult]) -> str:
    """Say why an item is provisional; what a broken check says is about the reference, and not for students."""
    if outcome is Outcome.ERROR:
        return BROKEN
    return next((c.failure.summary for c in checks if c.outcome is outcome and c.failure), NOT_TRIED)


def _outcome(checks: Sequence[CheckResult]) -> Outcome:
    outcomes = {check.outcome for check in checks}
    if not outcomes or Outcome.BLOCKED in outcomes:
        return Outcome.ERROR if Outcome.ERROR in outcomes else Outcome.BLOCKED
    for worst in (Outcome.ERROR, Outcome.FAIL):
        if worst in outcomes:
            return worst
    return Outcome.PASS
