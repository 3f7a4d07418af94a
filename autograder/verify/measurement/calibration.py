"""Calibration: correct solutions over many grading seeds. No check may fail, and no p-value may be too small too often.

An exact p-value must be uniform on (0, 1) under the reference. A bound, such as that of a discrete or combined test,
may be larger than that, never smaller. Both are tested by Kolmogorov and Smirnov's test, `ALPHA` split over all series.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from scipy import stats  # type: ignore[import-untyped]

from autograder.assignment import Assignment
from autograder.checks.statistics.recording import Recorded, recording
from autograder.results import Outcome
from autograder.verify.execution.children import Handler, Lost, in_children
from autograder.verify.execution.progress import Progress
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.mutation.variants import Variant, alternatives, reference

ALPHA = 1e-3
"""The probability that sound checks are called miscalibrated. It is not small, so that small flaws are seen."""
SECONDS = 600.0
COMBINED = "all tests of the check, combined"


@dataclass(frozen=True)
class FalseAlarm:
    """A check that failed on a correct solution."""

    solution: str
    seed: str
    check: str
    summary: str


@dataclass(frozen=True)
class Series:
    """The p-values of one test of one check, one for each seed; ``fit`` is the p-value of their calibration."""

    check: str
    test: str
    exact: bool
    p_values: tuple[float, ...]
    fit: float


@dataclass(frozen=True)
class CalibrationReport:
    """What so many seeds showed."""

    slug: str
    seeds: int
    others: int
    """Seeds over which all checks and solutions were tried, and not only the reference's statistical checks."""
    solutions: tuple[str, ...]
    runs: int
    """Checks that were run, on all solutions and seeds together."""
    false_alarms: tuple[FalseAlarm, ...]
    series: tuple[Series, ...]
    seconds: float

    @property
    def level(self) -> float:
        """A series is called miscalibrated where its fit is not above this: `ALPHA`, split over the series."""
        return ALPHA / max(1, len(self.series))

    @property
    def miscalibrated(self) -> tuple[Series, ...]:
        """Series that correct code produces with probability `ALPHA` at most, worst first."""
        return tuple(sorted((one for one in self.series if one.fit <= self.level), key=lambda one: one.fit))

    @property
    def checks(self) -> tuple[str, ...]:
        """The statistical checks."""
        return tuple(dict.fromkeys(one.check for one in self.series))

    @property
    def passed(self) -> bool:
        """Whether no check failed and no series is miscalibrated."""
        return not self.false_alarms and not self.miscalibrated

    def as_json(self) -> str:
        """All but the time that it took, for programs."""
        summary = {
            "assignment": self.slug,
            "seeds": self.seeds,
            "others": self.others,
            "solutions": self.solutions,
            "runs": self.runs,
        }
        outcome = {"alpha": ALPHA, "level": self.level, "passed": self.passed}
        alarms = [asdict(alarm) for alarm in self.false_alarms]
        return json.dumps({**summary, **outcome, "false_alarms": alarms, "series": [asdict(s) for s in self.series]})


def calibrate(
    assignment: Assignment,
    seeds: int,
    *,
    others: int | None = None,
    jobs: int = 1,
    item: str | None = None,
    progress: Progress | None = None,
) -> CalibrationReport:
    """Grade correct solutions over fresh grading seeds: the reference's statistical checks over all ``seeds``.

    All checks, and the alternatives, are graded over the first ``others`` of them: a tenth unless told otherwise.
    Training is left out. Raises `UserError` for an unknown ``item``.
    """
    if item is not None:
        assignment.manifest.item(item)
    others = min(seeds, -(-seeds // 10) if others is None else others)
    solutions = tuple(_solutions(assignment, item))
    start, prepare = time.monotonic(), partial(_handler, assignment, item)
    tally = _Tally()
    every = [[name, f"calibration {number}", None] for name in solutions for number in range(others)]
    tally.add(every, in_children(prepare, every, jobs=jobs, seconds=SECONDS, progress=progress))
    if statistical := sorted({check for run in tally.p_values.values() for check in run}):
        rest = [["reference", f"calibration {number}", statistical] for number in range(others, seeds)]
        tally.add(rest, in_children(prepare, rest, jobs=jobs, seconds=SECONDS, progress=progress))
    series = make_series(run for _, run in sorted(tally.p_values.items()))
    alarms = tuple(sorted(tally.alarms, key=lambda alarm: (alarm.solution, alarm.seed, alarm.check)))
    took = time.monotonic() - start
    return CalibrationReport(assignment.slug, seeds, others, solutions, tally.runs, alarms, series, took)


@dataclass
class _Tally:
    """What the children have reported so far."""

    runs: int = 0
    alarms: list[FalseAlarm] = field(default_factory=list)
    p_values: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of the reference, by seed."""

    def add(self, tasks: list[list[Any]], answers: Iterable[tuple[int, Any]]) -> None:
        for number, answer in answers:
            solution, seed, _ = tasks[number]
            if isinstance(answer, Lost):
                self.alarms.append(FalseAlarm(solution, seed, "", answer.reason))
                continue
            self.runs += answer["runs"]
            self.alarms += [FalseAlarm(solution, seed, *failure) for failure in answer["failed"]]
            if solution == "reference":
                self.p_values[seed] = answer["p_values"]


def make_series(runs: Iterable[Mapping[str, Iterable[tuple[str, float, bool]]]]) -> tuple[Series, ...]:
    """Sort p-values (test, value, exact), by run and check, into series, and test each; sorted by check and test."""
    values: dict[tuple[str, str, bool], list[float]] = {}
    for run in runs:
        for check, recorded in run.items():
            every = list(recorded)
            for test, p_value, exact in every:
                values.setdefault((check, test, exact), []).append(p_value)
            if len(every) > 1:
                combined = min(1.0, len(every) * min(p_value for _, p_value, _ in every))
                values.setdefault((check, COMBINED, False), []).append(combined)
    return tuple(
        Series(check, test, exact, tuple(found), _fit(found, exact=exact))
        for (check, test, exact), found in sorted(values.items())
    )


def _fit(p_values: list[float], *, exact: bool) -> float:
    """Kolmogorov-Smirnov: both sides for exact p-values, too many small ones alone for bounds."""
    return float(stats.kstest(p_values, "uniform", alternative="two-sided" if exact else "greater").pvalue)


def _solutions(assignment: Assignment, item: str | None) -> dict[str, tuple[Variant, tuple[str, ...]]]:
    """The correct solutions by name, each with the items that it is graded on."""
    training = {entry.id for entry in assignment.manifest.items if entry.training}
    found = {}
    for variant in (reference(assignment), *alternatives(assignment)):
        items = tuple(one for one in variant.items if one not in training and item in (None, one))
        if items:
            found[variant.name] = variant, items
    return found


def _handler(assignment: Assignment, item: str | None) -> Handler:
    torch.set_num_threads(1)
    suite, solutions = CheckSuite.collect(assignment), _solutions(assignment, item)

    def run(task: list[Any]) -> dict[str, Any]:
        solution, seed, only = task
        wanted = tuple(pair for pair in suite.checks if only is None or pair[0].id in only)
        return _run(replace(suite, checks=wanted), *solutions[solution], grading_seed=seed)

    return run


def _run(suite: CheckSuite, variant: Variant, items: tuple[str, ...], *, grading_seed: str) -> dict[str, Any]:
    runs, failed, p_values = 0, [], {}
    with tempfile.TemporaryDirectory() as folder:
        variant.write(suite.assignment, Path(folder))
        verdicts = suite.verdicts(Path(folder), items, grading_seed, max_shrinks=0)
        while True:
            with recording() as recorded:
                found = next(verdicts, None)
            if found is None:
                break
            check, verdict = found
            runs += 1
            if verdict.outcome is not Outcome.PASS:
                failed.append([check.id, verdict.failure.summary if verdict.failure else ""])
            elif recorded:
                p_values[check.id] = _as_lists(recorded)
    return {"runs": runs, "failed": failed, "p_values": p_values}


def _as_lists(recorded: Iterable[Recorded]) -> list[list[Any]]:
    return [[one.test, one.p_value, one.exact] for one in recorded]
