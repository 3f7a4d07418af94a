"""Which known mistake explains a failure: its hint is shown where exactly one does.

The first failing example of every failed check of an item is run again, in process, on each mutant of that item and on
the reference; what they reply is compared with what the submission replied. A mistake explains the item if its replies
agree in all of them, if it passes the checks that the submission passed, and if no other mistake, nor the reference,
comes near. Nothing of the submission runs here, and everything that a hint says was written by the instructor.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.grading.running import CheckRunner, Evidence
from autograder.grading.secrets import open_trusted
from autograder.mutants import Catalogue, Mutant
from autograder.references import NOTEBOOK, reference_name, reference_path
from autograder.results import Outcome
from autograder.sandbox.example import Raised
from autograder.sandbox.remote import is_remote
from autograder.sandbox.stand_ins import StandIns

AGREES = 1e-4
"""Farthest relative distance of replies that are the same up to the roundings of float32."""
APART = 10.0
"""How many times farther every other explanation must be."""
FLOOR = 1e-5
"""What the nearest distance counts for at least, so that two exact agreements are not told apart by roundings."""
REFERENCE = ""


@dataclass(frozen=True)
class Passed:
    """A check that the submission passed."""

    runner: CheckRunner
    stand_ins: StandIns | None


@dataclass
class Explainer:
    """Compares failures with the mutants of a catalogue. ``folder`` must be empty, and closed to every worker."""

    catalogue: Catalogue
    folder: Path
    _prepared: dict[str, Path] = field(default_factory=dict)

    def explain(self, item: str, evidence: Sequence[Evidence], passed: Sequence[Passed] = ()) -> Mutant | None:
        """Return the one mutant of an item that explains what failed and what passed; None where not exactly one."""
        distances = self.distances(item, evidence)
        near = [name for name in distances if distances[name] < AGREES * APART]
        mutants = [mutant for mutant in self.catalogue.of_item(item) if mutant.id in near]
        fitting = {mutant.id: distances[mutant.id] for mutant in mutants if self._passes(mutant, passed)}
        if REFERENCE in near or not fitting:
            return None
        first, *others = sorted(fitting, key=lambda name: fitting[name])
        if fitting[first] > AGREES or any(fitting[name] < APART * max(fitting[first], FLOOR) for name in others):
            return None
        return next(mutant for mutant in mutants if mutant.id == first)

    def distances(self, item: str, evidence: Sequence[Evidence]) -> dict[str, float]:
        """Return how far the replies of each mutant of an item are from those in the evidence, by id; "" is the
        reference. Without evidence nothing is near."""
        if not evidence or any(_is_unwritten(piece.replies) for piece in evidence):
            return {}
        found = {}
        for mutant in self.catalogue.of_item(item):
            found[mutant.id] = self._distance(self._variant(mutant), evidence)
        assert self.catalogue.assignment.reference is not None
        found[REFERENCE] = self._distance(self.catalogue.assignment.reference, evidence)
        return found

    def _variant(self, mutant: Mutant) -> Path:
        if mutant.id not in self._prepared:
            assert self.catalogue.assignment.reference is not None
            folder = self.folder / mutant.id
            folder.mkdir()
            for name in self.catalogue.assignment.manifest.files.required:
                path = reference_path(self.catalogue.assignment, name)
                shutil.copyfile(path, folder / reference_name(self.catalogue.assignment, name))
            file, text = self.catalogue.source(mutant)
            (folder / file).with_suffix(NOTEBOOK).unlink(missing_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
            self._prepared[mutant.id] = folder
        return self._prepared[mutant.id]

    def _passes(self, mutant: Mutant, passed: Sequence[Passed]) -> bool:
        folder = self._variant(mutant)
        verdicts = (
            check.runner.judge(partial(open_trusted, self.catalogue.assignment, folder), check.stand_ins, None)
            for check in passed
        )
        return all(verdict.outcome is Outcome.PASS for verdict in verdicts)

    def _distance(self, folder: Path, evidence: Sequence[Evidence]) -> float:
        farthest = 0.0
        for piece in evidence:
            session = open_trusted(self.catalogue.assignment, folder, piece.stand_ins)
            try:
                farthest = max(farthest, distance(piece.replies, piece.replay(session)))
            finally:
                session.close()
            if farthest >= AGREES * APART:
                break  # it is not near, however far
        return farthest


def _is_unwritten(replies: Sequence[Any]) -> bool:
    """Whether the code that was asked for is not there yet: that is no misconception."""
    return isinstance(replies[-1], Raised) and replies[-1].summary.endswith("is not implemented yet")


def distance(one: Any, other: Any) -> float:
    """Return how far two replies are apart: 0 for the same, inf for different kinds, relative for numbers.

    Entries of a tensor are weighed by their own size, and by a hundredth of the largest, so that a difference in a
    small entry counts while roundings of a cancelled one do not.
    """
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return _tensor_distance(one.detach(), other.detach())
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _tensor_distance(torch.tensor(one), torch.tensor(other))
    if is_remote(one) and is_remote(other):
        return 0.0  # what an object is called is no reply
    if type(one) is not type(other):
        return math.inf
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return math.inf
        return max(map(distance, one, other), default=0.0)
    if isinstance(one, dict):
        if list(one) != list(other):
            return math.inf
        return max((distance(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, float):
        return _tensor_distance(torch.tensor(one, dtype=torch.float64), torch.tensor(other, dtype=torch.float64))
    return 0.0 if one == other else math.inf


def _tensor_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    if one.shape != other.shape or one.is_floating_point() != other.is_floating_point():
        return math.inf
    if not one.numel():
        return 0.0
    a, b = one.double(), other.double()
    odd = ~(torch.isfinite(a) & torch.isfinite(b))
    if bool((odd & (a != b) & ~(a.isnan() & b.isnan())).any()):
        return math.inf
    a, b = a.masked_fill(odd, 0.0), b.masked_fill(odd, 0.0)
    size = torch.maximum(a.abs(), b.abs())
    scale = size + size.max() / 100
    return float(((a - b).abs() / scale.clamp_min(1e-300)).max())
