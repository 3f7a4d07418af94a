"""The findings of the checks on one submission, and the result that is made of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder import __version__
from autograder.assignment import Item
from autograder.grading.environment import GradingEnvironment
from autograder.grading.hints import Explainer, Passed
from autograder.grading.options import Options
from autograder.grading.running import Evidence
from autograder.grading.scoring import NO_CHECK, hinted, score_item
from autograder.mutants import read_catalogue
from autograder.results import CheckResult, GradingResult, ItemResult, Outcome, Times

HINT_SECONDS = 30.0
"""Longest time that the hint of one item may take: some seconds of a processor that others use as well."""
ALL_HINTS_SECONDS = 180.0
RESULT_SECONDS = 5.0
"""What is left of a run for its results when no more hints are looked for."""


@dataclass
class Findings:
    """What was found so far, by item."""

    environment: GradingEnvironment
    options: Options
    planned: frozenset[str] = frozenset()
    """Items that have a check."""
    checks: dict[str, list[CheckResult]] = field(default_factory=dict)
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    passed: dict[str, list[Passed]] = field(default_factory=dict)

    def explain(self) -> None:
        """Give an item's first failed check the hint of the one known mistake that explains its failures, if any.

        The known mistakes are written down then: no worker may be left that could read them.
        """
        if not self.options.hidden or not self.evidence:
            return
        place = Path(tempfile.mkdtemp(prefix="variants-", dir=self.environment.groundwork.place))
        explainer = Explainer(read_catalogue(self.environment.assignment), place)
        ends = time.monotonic() + ALL_HINTS_SECONDS
        if self.environment.run_ends is not None:
            ends = min(ends, self.environment.run_ends - RESULT_SECONDS)
        for item, evidence in self.evidence.items():
            mutant = None
            with self.environment.interruption.bounded(min(ends, time.monotonic() + HINT_SECONDS)) as bound:
                mutant = None if bound.over else explainer.explain(item, evidence, self.passed.get(item, []))
            if not bound.over:
                self.checks[item] = hinted(self.checks[item], mutant)

    def result(self, wanted: Sequence[Item], seconds: float) -> GradingResult:
        """Return everything that was found out in so many seconds."""
        manifest, submission = self.environment.assignment.manifest, self.environment.submission
        return GradingResult(
            assignment=self.environment.assignment.slug,
            assignment_title=manifest.title,
            assignment_version=manifest.version,
            grader_version=__version__,
            submission_digest=submission.digest,
            items=tuple(map(self._line, wanted)),
            notices=(*submission.notices, *self.environment.notices),
            walls=tuple(self.environment.walls),
            times=Times(total=round(seconds, 3)),
            public_only=not self.options.hidden,
        )

    def _line(self, item: Item) -> ItemResult:
        submission = self.environment.submission
        blocked = self._left_out() if item.training and not self.checks.get(item.id) else ""
        lost = submission.unavailable(item.file) or submission.violations.get(item.id, "")
        line = score_item(item, self.checks.get(item.id, []), lost=lost, blocked=blocked)
        if item.is_auto and not (lost or blocked) and self.options.hidden and item.id not in self.planned:
            return line.model_copy(update={"outcome": Outcome.ERROR, "message": NO_CHECK})
        return line

    def _left_out(self) -> str:
        """Say why a training item has no check that was run."""
        if not self.options.training:
            return "training was left out on request"
        return "the training part was not run" if self.options.hidden else "this is measured when you hand in"
