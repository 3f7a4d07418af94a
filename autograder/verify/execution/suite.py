"""All checks of an assignment, collected once and run in process on trusted variants of the reference."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment
from autograder.grading.plugin import Check, collect_checks
from autograder.grading.running import MAX_SHRINKS, Verdict
from autograder.grading.scoring import hinted, score_item
from autograder.grading.trusted_files import open_reference, open_trusted, read_stand_ins
from autograder.mutants import Mutant
from autograder.results import ItemResult
from autograder.sandbox.trusted.stand_ins import StandIns, stand_ins_of


@dataclass(frozen=True)
class CheckSuite:
    """The checks of one assignment with their fixtures. Only for code that is trusted: nothing is jailed.

    ``exempted`` are those properties of contracts that the assignment does not ask for.
    """

    assignment: Assignment
    checks: tuple[tuple[Check, dict[str, Any]], ...]
    stand_ins: dict[str, StandIns]
    exempted: tuple[tuple[Check, dict[str, Any]], ...] = ()

    @classmethod
    def collect(cls, assignment: Assignment) -> CheckSuite:
        """Collect public and hidden checks."""
        stand_ins = dict(read_stand_ins(assignment))
        wanted = frozenset(item.id for item in assignment.manifest.items)
        _forget_checks()
        found = collect_checks(assignment, wanted, hidden=True, exempted=True)
        _forget_checks()
        asked, exempted = ([one for one in found if bool(one[0].exempt) is exempt] for exempt in (False, True))
        return cls(assignment, tuple(asked), stand_ins, tuple(exempted))

    def of_exempted(self) -> CheckSuite:
        """Return the same with the exempted properties as its checks."""
        return replace(self, checks=self.exempted, exempted=())

    def grade(
        self,
        folder: Path,
        *,
        items: Collection[str] | None = None,
        grading_seed: str = "verify",
        against_reference: bool = False,
    ) -> dict[str, list[tuple[Check, Verdict]]]:
        """Run the checks of some items (all by default) on the solution files in ``folder``; verdicts by item.

        With ``against_reference`` a failed check is tried on the reference too, as grading does (outcome ERROR).
        """
        verdicts: dict[str, list[tuple[Check, Verdict]]] = {}
        for check, verdict in self.verdicts(folder, items, grading_seed, against_reference=against_reference):
            verdicts.setdefault(check.item, []).append((check, verdict))
        return verdicts

    def verdicts(
        self,
        folder: Path,
        items: Collection[str] | None = None,
        grading_seed: str = "verify",
        *,
        against_reference: bool = False,
        max_shrinks: int = MAX_SHRINKS,
    ) -> Iterator[tuple[Check, Verdict]]:
        """Yield each check with its verdict as soon as it is run; see `grade`."""
        for check, fixtures in self.checks:
            if items is not None and check.item not in items:
                continue
            runner = check.runner(self.assignment, grading_seed, fixtures, max_shrinks=max_shrinks)
            yield (
                check,
                runner.grade(
                    partial(open_trusted, self.assignment, folder),
                    stand_ins_of(self.stand_ins, check.item, check.id),
                    partial(open_reference, self.assignment) if against_reference else None,
                ),
            )

    def score(
        self, folder: Path, *, items: Collection[str] | None = None, grading_seed: str = "verify"
    ) -> dict[str, ItemResult]:
        """Return the scored items of the solution files in ``folder``, with every check's outcome and failure."""
        graded = self.grade(folder, items=items, grading_seed=grading_seed)
        return {item_id: self.scored(item_id, verdicts) for item_id, verdicts in graded.items()}

    def scored(
        self, item_id: str, verdicts: Iterable[tuple[Check, Verdict]], mutant: Mutant | None = None
    ) -> ItemResult:
        """Return one item's line of the results, with the hint of the known mistake that explains what failed."""
        results = [check.result(verdict) for check, verdict in verdicts]
        return score_item(self.assignment.manifest.item(item_id), hinted(results, mutant))


def _forget_checks() -> None:
    """Let no assignment get the checks of another: pytest names their modules alike, ``checks.public.test_...``."""
    for name in [name for name in sys.modules if name == "checks" or name.startswith("checks.")]:
        del sys.modules[name]
