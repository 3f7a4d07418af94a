"""How far the reference stays from the thresholds of training: measured over many seeds, kept beside the rubric.

``build.py verify SLUG --margins N`` trains the reference with N grading seeds and writes ``margins.json`` into the
folder of the assignment. Every verification holds the reference as it is now against that record.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.results import Outcome
from autograder.verify.children import Handler, Lost, in_children
from autograder.verify.matrix import Lead, Margin, Record
from autograder.verify.progress import Progress

if TYPE_CHECKING:
    from autograder.checks.training import Criterion

MARGINS = "margins.json"
LEAST_RUNS = 20
LEAST_DEVIATIONS = 3.0
"""Standard deviations of the reference's leads that must lie between their mean and the threshold."""
LEAST_PART = 0.5
"""Part of the mean lead on record that one more training of the reference must reach; below that, either the reference
or the threshold is no longer what was measured."""
SECONDS = 1800.0

Trouble = tuple[str, str]
"""What is wrong, and how to mend it."""


class Margins(Record):
    """The file ``margins.json``."""

    margins: tuple[Margin, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A training check that failed on the reference."""

    check: str
    seed: str
    summary: str


def leads_of(check: str, criteria: Iterable[Criterion]) -> list[Lead]:
    """Return the lead of each criterion of one run of a check; of several with one name the least."""
    least: dict[str, float] = {}
    for criterion in criteria:
        least[criterion.name] = min(criterion.lead, least.get(criterion.name, criterion.lead))
    return [Lead(check=check, criterion=name, lead=lead) for name, lead in least.items()]


def read_margins(assignment: Assignment) -> tuple[Margin, ...]:
    """Return what is on record, nothing where there is no record; raise `UserError` where it cannot be read."""
    path = assignment.folder / MARGINS
    try:
        return Margins.model_validate_json(path.read_bytes()).margins
    except FileNotFoundError:
        return ()
    except ValidationError:
        raise UserError(f"{path}: this is no record of margins; remove it and measure again with --margins") from None


def too_near(lead: Lead, margin: Margin | None) -> Trouble | None:
    """Say what speaks against a threshold, given one training of the reference and its record; None if nothing."""
    again = f"measure the reference again: build.py verify --margins {LEAST_RUNS}"
    if margin is None or margin.runs < LEAST_RUNS:
        runs = 0 if margin is None else margin.runs
        return f"the reference is on record with {runs} of the {LEAST_RUNS} trainings that are due", again
    if margin.least <= 0 or margin.deviations < LEAST_DEVIATIONS:
        what = (
            f"the reference's mean is {margin.deviations:.1f} standard deviations off the threshold, and its worst"
            f" training {margin.least:+.1%} of it; {LEAST_DEVIATIONS:g} are due"
        )
        return what, "move the threshold towards the best trivial method, or let the training go on for longer"
    if lead.lead < LEAST_PART * margin.mean:
        return f"the reference is {lead.lead:.1%} off the threshold, on record are {margin.mean:.1%}", again
    return None


def measure_margins(
    assignment: Assignment, runs: int, *, jobs: int = 1, item: str | None = None, progress: Progress | None = None
) -> tuple[tuple[Margin, ...], tuple[Failure, ...]]:
    """Train the reference with ``runs`` grading seeds; return the margins by check and criterion, and what failed.

    Raises `UserError` for an ``item`` that is none of training.
    """
    if item is not None and not assignment.manifest.item(item).training:
        raise UserError(f"{item!r} is no item of training: there are no margins to measure")
    items = [one.id for one in assignment.manifest.items if one.training and one.is_auto and item in (None, one.id)]
    tasks = [[one, f"margins {number}"] for number in range(runs) for one in items]
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    failures = []
    answers = in_children(partial(_handler, assignment), tasks, jobs=jobs, seconds=SECONDS, progress=progress)
    for number, answer in answers:
        seed = tasks[number][1]
        if isinstance(answer, Lost):
            failures.append(Failure(tasks[number][0], seed, answer.reason))
            continue
        failures += [Failure(check, seed, summary) for check, summary in answer["failed"]]
        for check, name, *numbers in answer["criteria"]:
            found.setdefault((check, name), {})[seed] = numbers
    margins = (_margin(*key, [numbers for _, numbers in sorted(by_seed.items())]) for key, by_seed in found.items())
    ordered = sorted(margins, key=lambda margin: (margin.check, margin.criterion))
    return tuple(ordered), tuple(sorted(failures, key=lambda failure: (failure.check, failure.seed)))


def keep_margins(assignment: Assignment, margins: Sequence[Margin], *, item: str | None = None) -> Path:
    """Write what was measured and return the file; after the measurement of one item, what is known of others stays."""
    path, checks = assignment.folder / MARGINS, {margin.check for margin in margins}
    others = [margin for margin in read_margins(assignment) if item and margin.check not in checks]
    every = sorted([*others, *margins], key=lambda margin: (margin.check, margin.criterion))
    path.write_text(Margins(margins=tuple(every)).model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def _margin(check: str, name: str, runs: list[list[float]]) -> Margin:
    leads, values, thresholds = zip(*runs, strict=True)
    rounded = {
        "least": min(leads),
        "mean": statistics.mean(leads),
        "spread": statistics.stdev(leads) if len(leads) > 1 else 0.0,
        "value": statistics.mean(values),
        "threshold": statistics.mean(thresholds),
    }
    numbers = {key: float(f"{number:.4g}") for key, number in rounded.items()}
    return Margin(check=check, criterion=name, runs=len(runs), **numbers)


def _handler(assignment: Assignment) -> Handler:
    import torch

    from autograder.checks.training import watching
    from autograder.verify.suite import CheckSuite

    torch.set_num_threads(1)
    suite, reference = CheckSuite.collect(assignment), assignment.reference
    assert reference is not None

    def run(task: list[str]) -> dict[str, Any]:
        item, seed = task
        failed, criteria = [], []
        with watching() as watched:
            for check, verdict in suite.verdicts(reference, [item], seed):
                if verdict.outcome is not Outcome.PASS:
                    failed.append([check.id, verdict.failure.summary if verdict.failure else ""])
                worst = {one.name: one for one in sorted(watched, key=lambda one: -one.lead)}
                criteria += [[check.id, c.name, c.lead, c.value, c.threshold] for c in worst.values()]
                watched.clear()
        return {"failed": failed, "criteria": criteria}

    return run
