"""How far right networks stay from the thresholds of training: measured over many seeds, kept next to the rubric.

``build.py verify SLUG --margins N`` trains the reference with N grading seeds and writes ``margins.json`` into the
folder of the assignment. Every verification holds the reference as it is now against that record. The networks of
``networks.toml`` are trained `SCREENING_RUNS` times each, and the two that come nearest to a threshold of an item N
times.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from autograder.assignment import Assignment
from autograder.checks.training.learning import watching
from autograder.errors import UserError
from autograder.results import Outcome
from autograder.verify.execution.children import Handler, Lost, in_children
from autograder.verify.execution.progress import Progress
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.matrix import REFERENCE_NETWORK, Lead, Margin, Record
from autograder.verify.measurement.networks import network_variant, read_networks
from autograder.verify.mutation.variants import reference

MARGINS = "margins.json"
MIN_RUNS = 20
MIN_DEVIATIONS = 3.0
"""Standard deviations of the reference's leads that must be between their mean and the threshold."""
MIN_PART = 0.5
"""Part of the mean lead on record that one more training of the reference must reach; below that, either the reference
or the threshold is no longer what was measured."""
SCREENING_RUNS = 3
"""Trainings of every other network, to find those that come nearest to a threshold."""
NEAREST = 2
"""Networks of an item that are then trained as often as the reference."""
SECONDS = 1800.0

Task = list[str]
"""A network, an item and a grading seed."""
Found = dict[tuple[str, str, str], dict[str, list[float]]]
"""For each check, criterion and network by seed: lead, value and threshold."""

Objection = tuple[str, str]
"""What is wrong, and how to fix it."""


class Margins(Record):
    """The file ``margins.json``."""

    margins: tuple[Margin, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A training check that failed on a right network."""

    network: str
    check: str
    seed: str
    summary: str


def read_margins(assignment: Assignment) -> tuple[Margin, ...]:
    """Return what is on record, nothing where there is no record; raise `UserError` where it cannot be read."""
    path = assignment.folder / MARGINS
    try:
        return Margins.model_validate_json(path.read_bytes()).margins
    except FileNotFoundError:
        return ()
    except ValidationError:
        raise UserError(f"{path}: this is no record of margins; remove it and measure again with --margins") from None


def too_near(lead: Lead, margin: Margin | None) -> Objection | None:
    """Say what speaks against a threshold, given one training of the reference and its record; None if nothing."""
    again = f"measure the reference again: build.py verify --margins {MIN_RUNS}"
    if margin is None or margin.runs < MIN_RUNS:
        runs = 0 if margin is None else margin.runs
        return f"the reference is on record with {runs} of the {MIN_RUNS} trainings that are needed", again
    if margin.least <= 0 or margin.deviations < MIN_DEVIATIONS:
        what = (
            f"the reference's mean is {margin.deviations:.1f} standard deviations off the threshold, and its worst"
            f" training {margin.least:+.1%} of it; {MIN_DEVIATIONS:g} are needed"
        )
        return what, "move the threshold towards the best trivial method, or let the training go on for longer"
    if lead.lead < MIN_PART * margin.mean:
        return f"the reference is {lead.lead:.1%} off the threshold, on record are {margin.mean:.1%}", again
    return None


def network_too_near(margin: Margin) -> Objection | None:
    """Say what speaks against a threshold, given the record of a network that is not the reference's; None if nothing.

    Standard deviations count from `SCREENING_RUNS` trainings on.
    """
    screened = margin.runs >= SCREENING_RUNS
    if margin.least > 0 and not (screened and margin.deviations < MIN_DEVIATIONS):
        return None
    what = (
        f"the mean of the right network {margin.network!r} is {margin.deviations:.1f} standard deviations off the"
        f" threshold, and its worst training {margin.least:+.1%} of it; {MIN_DEVIATIONS:g} are needed"
    )
    return what, "move the threshold, let the training go on for longer, or change the criterion"


def unmeasured(suite: CheckSuite, margins: Sequence[Margin], item: str = "") -> list[tuple[str, str]]:
    """Return network and item for each network (of one item, or of all) that is not on record."""
    item_of = {check.id: check.item for check, _ in suite.checks}
    measured = {(margin.network, item_of.get(margin.check)) for margin in margins}
    networks = read_networks(suite.assignment)
    expected = [(network.id, one) for network in networks for one in network.items if item in ("", one)]
    return [pair for pair in expected if pair not in measured]


def measure_margins(
    assignment: Assignment, runs: int, *, jobs: int = 1, item: str | None = None, progress: Progress | None = None
) -> tuple[tuple[Margin, ...], tuple[Failure, ...]]:
    """Train with ``runs`` grading seeds; return the margins by check, criterion and network, and what failed.

    Raises `UserError` for an ``item`` that is none of training.
    """
    if item is not None and not assignment.manifest.item(item).training:
        raise UserError(f"{item!r} is no item of training: there are no margins to measure")
    items = [one.id for one in assignment.manifest.items if one.training and one.is_auto and item in (None, one.id)]
    others = [(network.id, one) for network in read_networks(assignment) for one in network.items if one in items]
    first = [[REFERENCE_NETWORK, one, _seed(number)] for number in range(runs) for one in items]
    first += [[*pair, _seed(number)] for number in range(min(runs, SCREENING_RUNS)) for pair in others]
    found: Found = {}
    run = partial(_run, assignment, found, jobs=jobs, progress=progress)
    failures, item_of = run(first)
    nearest = _nearest(found, item_of)
    more, _ = run([[*pair, _seed(number)] for number in range(SCREENING_RUNS, runs) for pair in nearest])
    margins = (_margin(*key, [numbers for _, numbers in sorted(by_seed.items())]) for key, by_seed in found.items())
    return tuple(sorted(margins, key=_order)), tuple(
        sorted([*failures, *more], key=lambda failure: (failure.network, failure.check, failure.seed))
    )


def _run(
    assignment: Assignment, found: Found, tasks: list[Task], *, jobs: int, progress: Progress | None
) -> tuple[list[Failure], dict[str, str]]:
    """Do all tasks and enter into ``found`` what they give; return what failed, and the item of each check."""
    failures: list[Failure] = []
    item_of: dict[str, str] = {}
    for number, answer in in_children(
        partial(_handler, assignment), tasks, jobs=jobs, seconds=SECONDS, progress=progress
    ):
        network, item, seed = tasks[number]
        if isinstance(answer, Lost):
            failures.append(Failure(network, item, seed, answer.reason))
            continue
        failures += [Failure(network, check, seed, summary) for check, summary in answer["failed"]]
        for check, name, *numbers in answer["criteria"]:
            item_of[check] = item
            found.setdefault((check, name, network), {})[seed] = numbers
    return failures, item_of


def _nearest(found: Found, item_of: dict[str, str]) -> list[tuple[str, str]]:
    """Return network and item of those networks of each item whose mean leads are least."""
    least: dict[tuple[str, str], float] = {}
    for (check, _, network), by_seed in found.items():
        if network != REFERENCE_NETWORK:
            pair, lead = (network, item_of[check]), statistics.mean(numbers[0] for numbers in by_seed.values())
            least[pair] = min(lead, least.get(pair, lead))
    ordered = sorted(least, key=lambda pair: least[pair])
    items = {item for _, item in ordered}
    return [pair for item in sorted(items) for pair in [one for one in ordered if one[1] == item][:NEAREST]]


def _seed(number: int) -> str:
    return f"margins {number}"


def _order(margin: Margin) -> tuple[str, str, bool, str]:
    return margin.check, margin.criterion, margin.network != REFERENCE_NETWORK, margin.network


def keep_margins(assignment: Assignment, margins: Sequence[Margin], *, item: str | None = None) -> Path:
    """Write what was measured and return the file; after the measurement of one item, what is known of others stays."""
    path, checks = assignment.folder / MARGINS, {margin.check for margin in margins}
    others = [margin for margin in read_margins(assignment) if item and margin.check not in checks]
    every = sorted([*others, *margins], key=_order)
    lines = ",\n".join(f" {margin.model_dump_json()}" for margin in every)
    path.write_text(f'{{"margins": [\n{lines}\n]}}\n', encoding="utf-8")
    return path


def _margin(check: str, name: str, network: str, runs: list[list[float]]) -> Margin:
    leads, values, thresholds = zip(*runs, strict=True)
    rounded = {
        "least": min(leads),
        "mean": statistics.mean(leads),
        "spread": statistics.stdev(leads) if len(leads) > 1 else 0.0,
        "value": statistics.mean(values),
        "threshold": statistics.mean(thresholds),
    }
    numbers = {key: float(f"{number:.4g}") for key, number in rounded.items()}
    return Margin(check=check, criterion=name, network=network, runs=len(runs), **numbers)


def _handler(assignment: Assignment) -> Handler:
    torch.set_num_threads(1)
    suite, networks = CheckSuite.collect(assignment), {network.id: network for network in read_networks(assignment)}

    def run(task: Task) -> dict[str, Any]:
        name, item, seed = task
        failed, criteria = [], []
        variant = reference(assignment) if name == REFERENCE_NETWORK else network_variant(assignment, networks[name])
        with tempfile.TemporaryDirectory(prefix="autograder-margins-") as folder, watching() as watched:
            variant.write(assignment, Path(folder))
            for check, verdict in suite.verdicts(Path(folder), [item], seed):
                if verdict.outcome is not Outcome.PASS:
                    failed.append([check.id, verdict.failure.summary if verdict.failure else ""])
                worst = {one.name: one for one in sorted(watched, key=lambda one: -one.lead)}
                criteria += [[check.id, c.name, c.lead, c.value, c.threshold] for c in worst.values()]
                watched.clear()
        return {"failed": failed, "criteria": criteria}

    return run
