"""What tests ask the kernel about the processes of a grading: grader, factory of zygotes, zygotes, workers."""

from __future__ import annotations

import contextlib
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that it started and that nobody has waited for; none for one that is gone."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return []


def zygotes(grader: int) -> list[int]:
    """The children of the factory of a grader with one lane."""
    return [zygote for factory in children(grader) for zygote in children(factory)]


def workers(grader: int) -> list[int]:
    """What the zygotes of a grader with one lane have forked."""
    return [worker for zygote in zygotes(grader) for worker in children(zygote)]


def descendants(pid: int) -> list[int]:
    """Children, theirs, and so on."""
    found = children(pid)
    return [*found, *(below for child in found for below in descendants(child))]


def state(pid: int) -> str:
    """The letter of the process's state; "" when there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()[0]
    return ""


def is_gone(pid: int) -> bool:
    """Whether it has ended, waited for or not."""
    return state(pid) in {"", "Z", "X"}


def is_asleep(pid: int) -> bool:
    """Whether it is in a ``sleep`` right now; only a worker stays there for longer than a moment."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/wchan").read_text("ascii").startswith("hrtimer")
    return False
