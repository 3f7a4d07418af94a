"""Keeping the p-values of statistical assertions, so that somebody may ask whether they are what they claim to be.

Nobody listens while a submission is graded. Calibration does: under the reference, exact p-values must be uniform and
bounds must not be too small; and so does the measurement of power.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Recorded:
    """One p-value. ``exact``: uniform on (0, 1) under the null; otherwise at most p with probability at most p.

    ``test`` is unique within one run of a check: assertion, number of its call, name of the test. The assertion fails
    where the p-value is not above ``level``.
    """

    test: str
    p_value: float
    exact: bool
    level: float


@dataclass(frozen=True)
class PValue:
    """A p-value on its way to the record; see `Recorded`."""

    p_value: float
    exact: bool = False


@dataclass
class _Record:
    entries: list[Recorded]
    calls: dict[str, int]


_RECORD: ContextVar[_Record | None] = ContextVar("p_values", default=None)


@contextmanager
def recording() -> Iterator[list[Recorded]]:
    """Keep what is recorded inside the block; the list grows as assertions run."""
    record = _Record([], {})
    token = _RECORD.set(record)
    try:
        yield record.entries
    finally:
        _RECORD.reset(token)


def record_p_values(assertion: str, p_values: Mapping[str, PValue], level: float) -> None:
    """Note the p-values of one call of an assertion, by the names of its tests; does nothing unless recording.

    For authors of checks too, whose own statistics can then be calibrated.
    """
    record = _RECORD.get()
    if record is None:
        return
    number = record.calls[assertion] = record.calls.get(assertion, 0) + 1
    for name, value in p_values.items():
        test = f"{assertion} {number}: {name}"
        record.entries.append(Recorded(test, float(value.p_value), value.exact, level))
