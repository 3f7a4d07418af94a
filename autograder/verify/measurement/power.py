"""Power: how surely the checks see the mutants that only a statistical check can see.

A check is designed to see the effect that it states with probability 1 - 1e-6 or more. Over many grading seeds none may
be missed, and the least evidence says how far the closest one was from that: orders of magnitude by which the smallest
p-value undercuts the level of its test.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from scipy import special  # type: ignore[import-untyped]

from autograder.assignment import Assignment
from autograder.checks.statistics.recording import Recorded, recording
from autograder.checks.statistics.sample_sizes import POWER
from autograder.mutants import read_catalogue
from autograder.results import Outcome
from autograder.verify.execution.children import Handler, Lost, in_children
from autograder.verify.execution.progress import Progress
from autograder.verify.execution.suite import CheckSuite

SECONDS = 120.0
SMALLEST = 1e-300
"""A p-value below this is taken for it: float64 ends there."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Detection:
    """How often one mutant was caught. ``min_evidence`` is over all seeds; None where no p-value was too small."""

    mutant: str
    item: str
    seeds: int
    caught: int
    min_evidence: float | None
    killers: tuple[str, ...]
    """The checks that caught it at every seed."""

    @property
    def shown(self) -> float:
        """A lower bound of the probability of detection that these seeds show by themselves, with `CONFIDENCE`."""
        return (
            float(special.betaincinv(self.caught, self.seeds - self.caught + 1, 1 - CONFIDENCE)) if self.caught else 0
        )


@dataclass(frozen=True)
class PowerReport:
    """All statistical mutants of an assignment, in the order of the catalogue."""

    slug: str
    seeds: int
    designed: float
    """The probability with which a check sees the effect that it states, by its sample size."""
    detections: tuple[Detection, ...]

    @property
    def missed(self) -> tuple[Detection, ...]:
        """Those that got away at least once."""
        return tuple(one for one in self.detections if one.caught < one.seeds)

    @property
    def passed(self) -> bool:
        """Whether every mutant was caught at every seed."""
        return not self.missed

    def as_json(self) -> str:
        """For programs."""
        detections = [{**asdict(one), "shown": one.shown} for one in self.detections]
        summary = {"assignment": self.slug, "seeds": self.seeds, "designed": self.designed, "passed": self.passed}
        return json.dumps({**summary, "detections": detections}, indent=1)


def measure_power(
    assignment: Assignment, seeds: int, *, jobs: int = 1, item: str | None = None, progress: Progress | None = None
) -> PowerReport:
    """Grade every mutant that is declared ``statistical`` over so many grading seeds, on the checks of its item."""
    if item is not None:
        assignment.manifest.item(item)
    catalogue = read_catalogue(assignment).mutants
    mutants = [m for m in catalogue if m.statistical and not m.equivalent and item in (None, m.item)]
    tasks = [[mutant.id, f"power {number}"] for mutant in mutants for number in range(seeds)]
    answers: dict[str, list[Any]] = {mutant.id: [] for mutant in mutants}
    found = in_children(partial(_handler, assignment), tasks, jobs=jobs, seconds=SECONDS, progress=progress)
    for number, answer in found:
        answers[tasks[number][0]].append([[], None] if isinstance(answer, Lost) else answer)  # no verdict, no catch
    detections = tuple(_detection(mutant.id, mutant.item, answers[mutant.id]) for mutant in mutants)
    return PowerReport(assignment.slug, seeds, POWER, detections)


def _detection(mutant: str, item: str, answers: list[Any]) -> Detection:
    caught = [killers for killers, _ in answers if killers]
    evidence = [found for killers, found in answers if killers and found is not None]
    always = set(caught[0]).intersection(*caught) if caught else set()
    return Detection(mutant, item, len(answers), len(caught), min(evidence, default=None), tuple(sorted(always)))


def _handler(assignment: Assignment) -> Handler:
    torch.set_num_threads(1)
    suite, catalogue = CheckSuite.collect(assignment), read_catalogue(assignment)
    by_id = {mutant.id: mutant for mutant in catalogue.mutants}

    def run(task: list[str]) -> list[Any]:
        mutant = by_id[task[0]]
        return _run(suite, mutant.item, *catalogue.source(mutant), grading_seed=task[1])

    return run


def _run(suite: CheckSuite, item: str, file: str, text: str, *, grading_seed: str) -> list[Any]:
    """The checks that caught the mutant, and the evidence of its p-values, which are those without stand-ins."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        found = list(suite.verdicts(Path(folder), [item], grading_seed, max_shrinks=0))
        with recording() as recorded:  # apart, because a check that fails is tried twice, and each try records
            list(dataclasses.replace(suite, stand_ins={}).verdicts(Path(folder), [item], grading_seed, max_shrinks=0))
    killers = [check.id for check, verdict in found if verdict.outcome is Outcome.FAIL]
    return [killers, evidence_of(recorded)]


def evidence_of(recorded: list[Recorded]) -> float | None:
    """Orders of magnitude by which the most telling p-value undercuts its level; None where none does."""
    found = [math.log10(one.level / max(one.p_value, SMALLEST)) for one in recorded]
    return max((value for value in found if value >= 0), default=None)
