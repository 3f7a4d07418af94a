"""Which of a student's submissions are graded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from autograder.batch.listing import ListedSubmission, Submitter
from autograder.source.lines import printable


@dataclass(frozen=True)
class Chosen:
    """The submissions to be graded, in the order given, and lines for staff on what could not be told by times."""

    submissions: tuple[ListedSubmission, ...]
    remarks: tuple[str, ...] = ()


def latest(listed: Sequence[ListedSubmission]) -> Chosen:
    """Keep the last submission of each student and of each group, by ``created_at``.

    A group is the set of its submitters, so a student with submissions in two groups, or alone and in one, keeps one of
    each. Where times are equal, or one is missing, the later in order is kept, and a remark says so. What has no
    submitters is nobody's earlier version.
    """
    groups: dict[object, list[ListedSubmission]] = {}
    for one in listed:
        groups.setdefault(_group(one.submitters) or one.key, []).append(one)
    kept = [_last(versions) for versions in groups.values()]
    chosen = {one.key for one, _ in kept}
    remarks = tuple(remark for _, remark in kept if remark)
    return Chosen(tuple(one for one in listed if one.key in chosen), remarks)


def student(submitter: Submitter) -> tuple[str, str]:
    """Return what tells a student from others: the sid, else the email, else the name; ("", "") for nobody."""
    for kind, value in (("sid", submitter.sid), ("email", submitter.email), ("name", submitter.name)):
        if value.strip():
            return kind, " ".join(value.split()).casefold()
    return "", ""


def _group(submitters: Iterable[Submitter]) -> frozenset[tuple[str, str]]:
    return frozenset(map(student, submitters)) - {("", "")}


def _last(versions: Sequence[ListedSubmission]) -> tuple[ListedSubmission, str]:
    """Return the last of a group's submissions, and what is to be said about the choice."""
    if len(versions) == 1:
        return versions[0], ""
    times = [one.created_at for one in versions if one.created_at is not None]
    if len(times) < len(versions):
        return versions[-1], _remark(versions, versions[-1], "not all have a time")
    newest = [one for one in versions if one.created_at == max(times)]
    if len(newest) == 1:
        return newest[0], ""
    return newest[-1], _remark(newest, newest[-1], f"were handed in at the same time ({_shown(max(times))})")


def _remark(versions: Sequence[ListedSubmission], kept: ListedSubmission, why: str) -> str:
    who = " and ".join(printable(one.name or one.email or one.sid, 40) for one in kept.submitters[:3])
    return f"{', '.join(one.key for one in versions)} of {who}: {why}; kept {kept.key}, the later in order"


def _shown(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="seconds")
