"""The measurements of `build.py verify`: automatic mutants, calibration, power, margins; shown, saved as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.assignment import Assignment
from autograder.verify.execution.progress import progress_bar
from autograder.verify.matrix import REFERENCE_NETWORK
from autograder.verify.measurement.calibration import calibrate
from autograder.verify.measurement.margins import keep_margins, measure_margins, network_too_near, too_near
from autograder.verify.measurement.power import measure_power
from autograder.verify.mutation.automatic import Fate, run_automatic
from autograder.verify.reporting.measured_tables import (
    plot_calibration,
    show_automatic,
    show_calibration,
    show_margins,
    show_power,
)

if TYPE_CHECKING:
    from rich.console import Console

KILL_RATE = 0.95
"""Of the automatic mutants that are not equivalent, at least this part must be killed."""


@dataclass(frozen=True)
class Measures:
    """What to measure: automatic mutants or not, over how many seeds the rest (0: not at all)."""

    automatic: bool = False
    calibrate: int = 0
    power: int = 0
    margins: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything to measure."""
        return self.automatic or max(self.calibrate, self.power, self.margins) > 0


def measure(
    assignment: Assignment, measures: Measures, folder: Path, console: Console, *, item: str = "", jobs: int = 1
) -> list[str]:
    """Measure, print tables, and save to ``folder``; return the problems, each one line.

    Raises `UserError` for an unknown item.
    """
    steps: list[tuple[bool, Callable[..., list[str]]]] = [
        (measures.automatic, _automatic),
        (measures.calibrate > 0, _calibration),
        (measures.power > 0, _power),
        (measures.margins > 0, _margins),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    found = [step(assignment, measures, folder, console, item or None, jobs) for wanted, step in steps if wanted]
    return [f"{assignment.slug}: {problem}" for problems in found for problem in problems]


def _automatic(
    assignment: Assignment, measures: Measures, folder: Path, console: Console, item: str | None, jobs: int
) -> list[str]:
    with progress_bar(assignment.slug) as progress:
        report = run_automatic(assignment, item, jobs=jobs, progress=progress)
    show_automatic(report, console)
    (folder / "automatic.json").write_text(report.as_json() + "\n", encoding="utf-8")
    problems = [
        f"automatic mutants of {one}: {report.kill_rate(one):.1%} are killed, at least {KILL_RATE:.0%} must be;"
        " sharpen its checks, or record what is right after all under [[automatic]] in mutants.toml"
        for one in report.items
        if report.kill_rate(one) < KILL_RATE
    ]
    for graded in report.of(Fate.REFUTED):
        problems.append(f"{graded.mutant.id} is recorded as equivalent, but {graded.why} fails; take it off the list")
    for entry in report.stale:
        for new in entry.new:
            problems.append(f"[[automatic]] of {entry.item}: no mutant makes {new!r} of {entry.old!r}; remove it")
    return problems


def _calibration(
    assignment: Assignment, measures: Measures, folder: Path, console: Console, item: str | None, jobs: int
) -> list[str]:
    with progress_bar(assignment.slug) as progress:
        report = calibrate(assignment, measures.calibrate, jobs=jobs, progress=progress, item=item)
    show_calibration(report, console)
    (folder / "calibration.json").write_text(report.as_json() + "\n", encoding="utf-8")
    plot_calibration(report, folder / "calibration.png")
    alarms = [f"{a.check} fails on {a.solution} with seed {a.seed!r}: {a.summary}" for a in report.false_alarms]
    return alarms + [
        f"{one.check}, {one.test}: its p-values are not those of a correct solution (fit {one.fit:.1e}); see the plot"
        for one in report.miscalibrated
    ]


def _power(
    assignment: Assignment, measures: Measures, folder: Path, console: Console, item: str | None, jobs: int
) -> list[str]:
    with progress_bar(assignment.slug) as progress:
        report = measure_power(assignment, measures.power, jobs=jobs, progress=progress, item=item)
    show_power(report, console)
    (folder / "power.json").write_text(report.as_json() + "\n", encoding="utf-8")
    return [
        f"mutant {one.mutant!r} of {one.item} got away {one.seeds - one.caught} times in {one.seeds};"
        " give its check more samples or a sharper statistic"
        for one in report.missed
    ]


def _margins(
    assignment: Assignment, measures: Measures, folder: Path, console: Console, item: str | None, jobs: int
) -> list[str]:
    """Train right networks; unlike the other measures it is kept in the assignment, since verifications rest on it."""
    with progress_bar(assignment.slug) as progress:
        margins, failures = measure_margins(assignment, measures.margins, jobs=jobs, progress=progress, item=item)
    show_margins(assignment.slug, margins, console)
    if failures:
        return [
            f"{f.check} fails on {_of(f.network)} with seed {f.seed!r}: {f.summary}; nothing is kept" for f in failures
        ]
    keep_margins(assignment, margins, item=item)
    found = (
        (margin, too_near(margin.as_lead, margin) if margin.network == REFERENCE_NETWORK else network_too_near(margin))
        for margin in margins
    )
    return [f"{margin.check}, {margin.criterion}: {'; '.join(kind)}" for margin, kind in found if kind]


def _of(network: str) -> str:
    return "the reference" if network == REFERENCE_NETWORK else f"network {network!r}"
