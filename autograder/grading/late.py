"""The penalty for handing in late: a coefficient that depends on two moments and the policy, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from autograder.assignment import Assignment, Late, LatePolicy
from autograder.results import GradingResult, Lateness

DAY = timedelta(days=1)


def lateness(policy: Late, handed_in: datetime | None, due: datetime | None) -> Lateness:
    """Return what a submission is worth under a policy, as a coefficient in [0, 1] that never rises with time.

    Both moments must be aware; ``due`` is the latest due date of all who handed in together, extensions included.
    Where the platform said neither, nothing is taken off and the reason says so. ``linear`` falls with the seconds
    that passed, ``per_day`` with every cut-off that passed: the due date's own day is the first whose cut-off counts.
    """
    if policy.policy is LatePolicy.NONE:
        return Lateness(coefficient=1.0)
    if handed_in is None or due is None:
        return Lateness(coefficient=1.0, reason="it is not known when this was handed in, or when it was due")
    over = (handed_in - due).total_seconds()
    if over <= 60 * policy.grace_minutes:
        return Lateness(coefficient=1.0, seconds=max(over, 0.0))
    if policy.policy is LatePolicy.DROP:
        return Lateness(coefficient=0.0, seconds=over, reason="late work gets no points")
    if policy.policy is LatePolicy.LINEAR:
        days = (over - 60 * policy.grace_minutes) / DAY.total_seconds()
        return Lateness(coefficient=_falling(policy, days), seconds=over, reason=f"{days:.3g} days late")
    passed = _cut_offs_passed(policy, handed_in, due)
    reason = f"{passed} cut-off{'' if passed == 1 else 's'} at {policy.cutoff} ({policy.zone}) passed"
    return Lateness(coefficient=_falling(policy, passed), seconds=over, reason=reason)


def apply_late_policy(
    assignment: Assignment, result: GradingResult, handed_in: datetime | None, due: datetime | None
) -> GradingResult:
    """Return the result with what its assignment's policy does to it; grading again changes nothing."""
    policy = assignment.manifest.late
    if policy.policy is LatePolicy.NONE:
        return result
    return result.model_copy(update={"late": lateness(policy, handed_in, due)})


def _falling(policy: Late, days: float) -> float:
    """1 at once, ``lowest`` after all days, 0 after that."""
    return max(0.0, 1 - (1 - policy.lowest) * days / policy.days) if days <= policy.days else 0.0


def _cut_offs_passed(policy: Late, handed_in: datetime, due: datetime) -> int:
    """Count cut-offs from the due date on; more than one beyond the last day that counts make no difference."""
    grace = timedelta(minutes=policy.grace_minutes)
    passed = 0
    for cut_off in _cut_offs(policy, due):
        if cut_off + grace >= handed_in or passed > policy.days:
            return passed
        passed += 1
    return passed


def _cut_offs(policy: Late, start: datetime) -> Iterator[datetime]:
    """The moments, in UTC, at which the clock of the course shows the cut-off, from ``start`` on.

    They are 23 or 25 hours apart where the clock is changed.
    """
    zone = ZoneInfo(policy.zone)
    at = time.fromisoformat(policy.cutoff)
    day = start.astimezone(zone).date()
    while True:
        cut_off = datetime.combine(day, at, zone).astimezone(UTC)
        if cut_off >= start:
            yield cut_off
        day += DAY
