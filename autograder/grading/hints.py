"""Which known mistake explains a failure: its hint is shown where exactly one does.

The first failing example of every failed check of an item is run again, in process, on each mutant of that item and on
the reference; what they reply is compared with what the submission replied. A mistake explains the item if its replies
agree in all of them, as nearly as roundings allow, if it passes the checks that the submission passed, and if no other
mistake, nor the reference, comes near. Nothing of the submission runs here, and everything that a hint says was written
by the instructor.

How far roundings may carry equal formulas is measured: the nearest mistake is run in coarser arithmetic (`rounding`).
Where replies depend on random numbers, equal formulas may use them in another order: such an example also agrees if the
mistake fails its check, provided that there are others to compare. Among mistakes that agree in those others, the one
whose replies agree with the same random numbers is taken.
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

from autograder.assignment import NOTEBOOK
from autograder.grading.rounding import CoarseArithmetic
from autograder.grading.running import CheckRunner, Evidence
from autograder.grading.trusted_files import open_trusted
from autograder.mutants import Catalogue, Mutant
from autograder.references import reference_name, reference_path
from autograder.results import Outcome
from autograder.sandbox.trusted.example import Asked, Raised
from autograder.sandbox.trusted.remote import is_remote
from autograder.sandbox.trusted.stand_ins import StandIns

AGREES = 1e-4
"""Farthest relative distance of replies that are the same up to the roundings of float32, none of them amplified."""
WIDEST = 1e-2
"""Farthest relative distance that amplified roundings may explain; wrong formulas differ by more almost everywhere."""
AMPLIFIED = 512.0
"""How many times farther than coarser arithmetic carries a mistake an equal formula may be from it.

Another formula may amplify roundings a hundred times as much (a mean weighted by inverse variances
does); `WIDEST` bounds it, and every other explanation must be farther by `APART` in the same units.
"""
COARSE_RUNS = 3
APART = 10.0
"""How many times farther every other explanation must be."""
FLOOR = 1e-5
"""What the nearest distance counts for at least, so that two exact agreements are not told apart by roundings."""
REFERENCE = ""
DECORATION = frozenset({"title", "x_label", "y_label", "legend", "place"})
"""Parts of a figure that everybody words and lays out in another way; what was drawn is compared without them."""


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
        readings = [list(evidence)]
        if any(piece.unaided is not None for piece in evidence):
            readings.append([piece.unaided or piece for piece in evidence])
        # a known mistake has the reference's numbers, where a submission may have chosen others
        if constants := {name: value for piece in evidence for name, value in piece.constants.items()}:
            readings += [[piece.adopting(constants) for piece in reading] for reading in readings]
        return next((found for each in readings if (found := self._explain(item, each, passed)) is not None), None)

    def _explain(self, item: str, evidence: Sequence[Evidence], passed: Sequence[Passed]) -> Mutant | None:
        fixed = self._without_chance(evidence) or list(evidence)
        others = [piece for piece in evidence if piece not in fixed]
        distances = self.distances(item, fixed)
        agreeing = self._chosen(item, distances, others, passed)
        if agreeing is None and (nearest := self._nearest(item, distances)) is not None:
            wider = self._in_coarse_units(item, nearest, distances, fixed)
            agreeing = self._chosen(item, wider, others, passed)
        return agreeing

    def _chosen(
        self, item: str, distances: dict[str, float], failed: Sequence[Evidence], passed: Sequence[Passed]
    ) -> Mutant | None:
        """Return the one mutant that is near, alone among those that fail and pass what the submission does."""
        near = [name for name in distances if distances[name] < AGREES * APART]
        if REFERENCE in near or not any(distances[name] <= AGREES for name in near):
            return None
        mutants = [mutant for mutant in self.catalogue.of_item(item) if mutant.id in near]
        fitting = {m.id: distances[m.id] for m in mutants if self._passes(m, passed) and self._fails(m, failed)}
        if not fitting:
            return None
        chosen = _alone(fitting)
        if chosen is None and failed:  # equal where nothing is random: the same draws may tell them apart
            chosen = _alone({name: self._distance(self._folders(item)[name], failed) for name in fitting})
        return next((mutant for mutant in mutants if mutant.id == chosen), None)

    def distances(self, item: str, evidence: Sequence[Evidence]) -> dict[str, float]:
        """Return how far the replies of each mutant of an item are from those in the evidence, by id; "" is the
        reference. Without evidence nothing is near."""
        if not evidence or any(_is_unwritten(piece.replies) for piece in evidence):
            return {}
        return {name: self._distance(folder, evidence) for name, folder in self._folders(item).items()}

    def _folders(self, item: str) -> dict[str, Path]:
        assert self.catalogue.assignment.reference is not None
        found = {mutant.id: self._variant(mutant) for mutant in self.catalogue.of_item(item)}
        return {**found, REFERENCE: self.catalogue.assignment.reference}

    def _nearest(self, item: str, distances: dict[str, float]) -> str | None:
        """Return the mutant that amplified roundings may have carried away, None where there is none."""
        names = [name for name in distances if name != REFERENCE and AGREES < distances[name] <= WIDEST]
        return min(names, key=lambda name: distances[name], default=None)

    def _in_coarse_units(
        self, item: str, nearest: str, distances: dict[str, float], evidence: Sequence[Evidence]
    ) -> dict[str, float]:
        """Return distances in which what coarser arithmetic does to one mutant counts as rounding."""
        folders = self._folders(item)
        coarse = [
            [self._replies(folders[nearest], piece, coarse=CoarseArithmetic(run)) for run in range(COARSE_RUNS)]
            for piece in evidence
        ]
        within = [name for name in distances if distances[name] < WIDEST * APART]
        return {**distances, **{name: self._distance(folders[name], evidence, coarse) for name in within}}

    def _without_chance(self, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Return the evidence in which the reference's replies do not depend on random numbers."""
        reference = self.catalogue.assignment.reference
        if len(evidence) < 2 or reference is None:
            return []
        return [
            piece
            for piece in evidence
            if distance(self._replies(reference, piece), self._replies(reference, piece, shift=1)) <= AGREES
        ]

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
            check.runner.grade(partial(open_trusted, self.catalogue.assignment, folder), check.stand_ins, None)
            for check in passed
        )
        return all(verdict.outcome is Outcome.PASS for verdict in verdicts)

    def _fails(self, mutant: Mutant, evidence: Sequence[Evidence]) -> bool:
        """Whether a mutant fails on every example that the submission failed on."""
        return all(self._fails_on(self._variant(mutant), piece) for piece in evidence)

    def _fails_on(self, folder: Path, piece: Evidence) -> bool:
        session = open_trusted(self.catalogue.assignment, folder, piece.stand_ins)
        try:
            return not piece.holds(session)
        finally:
            session.close()

    def _distance(self, folder: Path, evidence: Sequence[Evidence], coarse: Sequence[Sequence[Any]] = ()) -> float:
        farthest = 0.0
        for number, piece in enumerate(evidence):
            apart = distance(piece.replies, self._replies(folder, piece), coarse[number] if coarse else ())
            farthest = max(farthest, apart)
            if farthest >= WIDEST * APART:
                break  # it is not near, however far
        return farthest

    def _replies(
        self, folder: Path, piece: Evidence, *, shift: int = 0, coarse: CoarseArithmetic | None = None
    ) -> Sequence[Any] | None:
        session = open_trusted(self.catalogue.assignment, folder, piece.stand_ins, arithmetic=coarse)
        try:
            return piece.replay(session, shift=shift)
        finally:
            session.close()


def _alone(distances: dict[str, float]) -> str | None:
    """Return the one name whose distance is that of roundings while all others are much farther."""
    first, *others = sorted(distances, key=lambda name: distances[name])
    if distances[first] > AGREES or any(distances[name] < APART * max(distances[first], FLOOR) for name in others):
        return None
    return first


def _is_unwritten(replies: Sequence[Any]) -> bool:
    """Whether the code that was asked for is not there yet: that is no misconception."""
    return isinstance(replies[-1], Raised) and replies[-1].unwritten


def distance(one: Any, other: Any, coarse: Sequence[Any] = ()) -> float:
    """Return how far two replies are apart: 0 for the same, inf for different kinds, relative for numbers.

    Entries of a tensor are weighed by their own size, and by a hundredth of the largest, so that a difference in a
    small entry counts while roundings of a cancelled one do not. ``coarse`` are replies of another computation in
    coarser arithmetic: an entry that they spread over weighs more.
    """
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return _tensor_distance(one.detach(), other.detach(), [c for c in coarse if isinstance(c, torch.Tensor)])
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _tensor_distance(torch.tensor(one), torch.tensor(other))
    if is_remote(one) and is_remote(other):
        return 0.0  # what an object is called is no reply
    if isinstance(one, Asked) and isinstance(other, Asked):
        return 0.0  # what follows from it shows in other replies
    if isinstance(one, Raised) and isinstance(other, Raised):
        return 0.0 if sorted(one.summary.split()) == sorted(other.summary.split()) else math.inf
    if (one is None and isinstance(other, torch.Tensor)) or (other is None and isinstance(one, torch.Tensor)):
        return math.inf if _is_any(one) or _is_any(other) else 0.0  # a gradient that is 0, and one that never arrives
    if type(one) is not type(other):
        return math.inf
    if isinstance(one, dict):
        if list(one) != list(other):
            return math.inf
        kept = [key for key in one if key not in DECORATION]
        parts = [[c[key] for key in kept] for c in coarse if type(c) is dict and list(c) == list(one)]
        return distance([one[key] for key in kept], [other[key] for key in kept], parts)
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return math.inf
        spreads = [[c[k] for c in coarse if isinstance(c, (list, tuple)) and k < len(c)] for k in range(len(one))]
        return max(map(distance, one, other, spreads), default=0.0)
    if isinstance(one, float):
        spread = [_number(c) for c in coarse if isinstance(c, float)]
        return _tensor_distance(_number(one), _number(other), spread)
    return 0.0 if one == other else math.inf


def _is_any(value: torch.Tensor | None) -> bool:
    return value is not None and bool((value != 0).any())


def _number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _tensor_distance(one: torch.Tensor, other: torch.Tensor, coarse: Sequence[torch.Tensor] = ()) -> float:
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
    rounded = torch.minimum(AMPLIFIED * _spread(coarse, b), WIDEST * scale)
    return float(((a - b).abs() / (scale + rounded / AGREES).clamp_min(1e-300)).max())


def _spread(coarse: Sequence[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Return how far the entries of some tensors are apart at most; 0 where they cannot be compared."""
    fitting = [c.detach().double() for c in coarse if c.shape == like.shape and c.is_floating_point()]
    if len(fitting) < 2:
        return torch.zeros_like(like)
    stacked = torch.stack(fitting)
    return torch.nan_to_num(stacked.amax(0) - stacked.amin(0), nan=0.0, posinf=0.0, neginf=0.0)
