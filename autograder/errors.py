"""Errors that a user can cause: each is one clear line of what, where and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

RUN_FAILED, MISUSE = 1, 2
"""Exit statuses: the grader or the machine failed; the command was not used as it must be."""


class UserError(Exception):
    """A mistake in what the user gave us; the command line prints its one line and exits 2."""


class UnreadableSubmission(UserError):
    """Nothing of a submission can be read: whoever handed it in has to fix it."""


def what_went_wrong(error: BaseException) -> str:
    """Return an exception as one line: its name, and what it says."""
    text = " ".join(str(getattr(error, "summary", error)).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return ``'; did you mean "right"?'`` for the nearest known name, or a list of the known names."""
    names = sorted(known)
    folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(wrong.casefold(), folded, n=1, cutoff=0.5)
    if near:
        return f'; did you mean "{folded[near[0]]}"?'
    return f"; known: {', '.join(names)}" if names else ""


def first_few(names: Sequence[str], shown: int, divider: str = ", ") -> str:
    """Write out the first names, and how many more there are."""
    return divider.join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
