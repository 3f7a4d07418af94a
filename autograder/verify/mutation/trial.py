"""Grading one variant: what it loses in each item, which checks see it, and which hint a student would see."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autograder.assignment import Assignment
from autograder.checks.training.learning import Criterion, watching
from autograder.grading.hints import AGREES, REFERENCE, Explainer, Passed
from autograder.grading.plugin import Check
from autograder.grading.rounding import CoarseArithmetic
from autograder.grading.running import MAX_SHRINKS, CheckRunner, Evidence, Verdict
from autograder.grading.seeds import check_seed
from autograder.mutants import Catalogue, Mutant
from autograder.references import expected_names
from autograder.reports.plain_text import item_text
from autograder.results import Outcome
from autograder.sandbox.trusted.example import size_of
from autograder.sandbox.trusted.stand_ins import stand_ins_of
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.matrix import Cell, CheckColumn, CheckException, Exemption, Lead, Role, Row, Sees
from autograder.verify.mutation import variants
from autograder.verify.mutation.enclosing_items import enclosing_items_of
from autograder.verify.mutation.reached_code import recording
from autograder.verify.mutation.variants import Variant

SEED = "verify"
"""The grading seed of a verification."""

Graded = Sequence[tuple[Check, Verdict]]
MAX_KNOWN_BYTES = 256 * 2**20
"""What replies of known mistakes may take that are kept: those of an item, for all of its mutants."""


@dataclass(frozen=True)
class TrialContext:
    """What every trial needs; ``folder`` is for what is written on the way."""

    suite: CheckSuite
    catalogue: Catalogue
    folder: Path

    @property
    def assignment(self) -> Assignment:
        """The assignment that is verified."""
        return self.suite.assignment

    @cached_property
    def columns(self) -> tuple[CheckColumn, ...]:
        """The checks, labelled ``p1``, ``p2`` ... (public) and ``h1`` ... (hidden) within their items."""
        order = {item.id: number for number, item in enumerate(self.assignment.manifest.items)}
        checks = sorted((check for check, _ in self.suite.checks), key=lambda c: (order[c.item], not c.public, c.id))
        counts: dict[tuple[str, bool], int] = {}
        columns = []
        for check in checks:
            counts[check.item, check.public] = number = counts.get((check.item, check.public), 0) + 1
            label = f"{'p' if check.public else 'h'}{number}"
            columns.append(
                CheckColumn(id=check.id, label=label, item=check.item, title=check.title, weight=check.weight)
            )
        return tuple(columns)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Labels by the id of the check."""
        return {column.id: column.label for column in self.columns}

    @cached_property
    def explainer(self) -> _Recording:
        """What chooses hints; made when it is first asked for, so that every process has its own."""
        return _Recording(self.catalogue, Path(tempfile.mkdtemp(dir=self.folder)))

    @contextmanager
    def written(self, variant: Variant) -> Iterator[Path]:
        """Give a folder with a variant in it."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            variant.write(self.assignment, folder)
            yield folder
        finally:
            shutil.rmtree(folder)


def try_variant(context: TrialContext, variant: Variant) -> Row:
    """Grade a variant on its items. A check that fails on the reference too is at fault, and costs nothing."""
    with context.written(variant) as folder:
        against = variant.role is not Role.REFERENCE
        graded: dict[str, list[tuple[Check, Verdict]]] = {}
        read = {variant.own} if variant.role is Role.MUTANT else set()
        leads: list[Lead] = []
        training = any(context.assignment.manifest.item(item_id).training for item_id in variant.items)
        recorded = nullcontext(set[str]()) if against or training else recording(folder)
        with watching() as criteria, recorded as ran:
            for items, shrinks in ((read, MAX_SHRINKS), (set(variant.items) - read, 0)):
                verdicts = context.suite.verdicts(folder, items, SEED, against_reference=against, max_shrinks=shrinks)
                for check, verdict in verdicts:
                    graded.setdefault(check.item, []).append((check, verdict))
                    leads += leads_of(check.id, criteria)
                    criteria.clear()
        cells = tuple(_cell(context, item_id, graded[item_id]) for item_id in variant.items if item_id in graded)
        row = Row(role=variant.role, name=variant.name, own=variant.own, files=tuple(variant.files), cells=cells)
        if variant.role is Role.ALTERNATIVE:
            return row.model_copy(update={"lacks": _lacking(context.assignment, variant)})
        if variant.mutant is None:
            update = {"leads": tuple(leads), "exceptions": tuple(_exceptions(graded)), "ran": tuple(sorted(ran))}
            return row if against else row.model_copy(update=update)
        row = row.model_copy(
            update={
                "misconception": variant.mutant.misconception,
                "raises": variant.mutant.raises,
                "statistical": variant.mutant.statistical,
                "enclosing_items": enclosing_items_of(context.assignment, variant.mutant),
            }
        )
        if variant.role is not Role.MUTANT or variant.own not in graded:
            return row
        return _explained(context, row, graded[variant.own])


def leads_of(check: str, criteria: Iterable[Criterion]) -> list[Lead]:
    """Return the lead of each criterion of one run of a check; of several with one name the least."""
    least: dict[str, float] = {}
    for criterion in criteria:
        least[criterion.name] = min(criterion.lead, least.get(criterion.name, criterion.lead))
    return [Lead(check=check, criterion=name, lead=lead) for name, lead in least.items()]


def try_exemptions(context: TrialContext) -> list[Exemption]:
    """Try the properties that the assignment does not ask for on the reference, which must not have them."""
    with context.written(variants.reference(context.assignment)) as folder:
        return [
            Exemption(check=check.id, item=check.item, reason=check.exempt, holds=verdict.outcome is Outcome.PASS)
            for check, verdict in context.suite.of_exempted().verdicts(folder, grading_seed=SEED, max_shrinks=0)
        ]


def _exceptions(graded: Mapping[str, Graded]) -> Iterator[CheckException]:
    """Yield what checks raised that no submission can make them raise."""
    for verdicts in graded.values():
        for check, verdict in verdicts:
            if verdict.staff_note:
                yield CheckException(check=check.id, text=verdict.staff_note.strip())


def _lacking(assignment: Assignment, variant: Variant) -> tuple[str, ...]:
    """Return the blanks of a variant's items whose names are nowhere in its file."""
    texts = {name: variant.files[given].decode() for given, name in expected_names(assignment, variant.files).items()}
    items = [assignment.manifest.item(item_id) for item_id in variant.items]
    blanks = [(blank, texts.get(item.file or "", "")) for item in items for blank in item.blanks]
    return tuple(blank for blank, text in blanks if text and not re.search(rf"\b{blank.split('.')[-1]}\b", text))


def _cell(context: TrialContext, item_id: str, graded: Graded) -> Cell:
    item = context.assignment.manifest.item(item_id)
    failed = [(check, verdict) for check, verdict in graded if verdict.outcome is Outcome.FAIL]
    total = sum(check.weight for check, _ in graded)
    first = next((verdict.failure.summary for _, verdict in failed if verdict.failure), "")
    raised = next((verdict.staff_note for _, verdict in graded if verdict.outcome is Outcome.ERROR), "")
    return Cell(
        item=item_id,
        lost=round(item.points * sum(check.weight for check, _ in failed) / total, 4),
        passed=_labels(context, [check for check, verdict in graded if verdict.outcome is Outcome.PASS]),
        killed_by=_labels(context, [check for check, verdict in failed if verdict.by_comparison]),
        raised_by=_labels(context, [check for check, verdict in failed if not verdict.by_comparison]),
        errors=_labels(context, [check for check, verdict in graded if verdict.outcome is Outcome.ERROR]),
        note=first,
        fault=raised.strip().rpartition("\n")[2],
    )


def _labels(context: TrialContext, checks: Sequence[Check]) -> tuple[str, ...]:
    ids = {check.id for check in checks}
    return tuple(column.label for column in context.columns if column.id in ids)


def _explained(context: TrialContext, row: Row, graded: Graded) -> Row:
    """Add the hint that grading would show for this bug, the mutants that reply the same where it fails, and what a
    student reads."""
    if context.assignment.manifest.item(row.own).training:  # no hint: to try every known mistake would take too long
        return row.model_copy(update={"reads": item_text(context.suite.scored(row.own, graded))})
    evidence = [verdict.evidence for _, verdict in graded if verdict.evidence is not None]
    context.explainer.tried = row.name
    chosen = context.explainer.explain(row.own, evidence, _passed(context, graded))
    near = [name for name, distance in context.explainer.last.items() if distance <= AGREES]
    shown = chosen.id if chosen is not None else ""
    sees = Sees.RIGHT if shown == row.name else Sees.WRONG if shown else Sees.NONE
    twins = tuple(name for name in near if name not in (row.name, REFERENCE))
    reads = item_text(context.suite.scored(row.own, graded, chosen))
    return row.model_copy(update={"shown": shown, "sees": sees, "twins": twins, "reads": reads})


def _passed(context: TrialContext, graded: Graded) -> list[Passed]:
    """Return the checks that passed, as grading remembers them."""
    passed = {check.id for check, verdict in graded if verdict.outcome is Outcome.PASS}
    slug, version = context.assignment.slug, context.assignment.manifest.version
    return [
        Passed(
            CheckRunner(check.function, check.declaration, fixtures, check_seed(SEED, slug, version, check.id)),
            stand_ins_of(context.suite.stand_ins, check.item, check.id),
        )
        for check, fixtures in context.suite.checks
        if check.id in passed
    ]


class _Recording(Explainer):
    """An explainer that does not find out again what is known: the last distances, and what a mutant itself passes."""

    last: Mapping[str, float] = MappingProxyType({})
    tried = ""

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        super().__init__(catalogue, folder)
        self._known: OrderedDict[Hashable, Sequence[Any] | None] = OrderedDict()
        self._known_bytes = 0

    def distances(self, item: str, evidence: Sequence[Evidence]) -> dict[str, float]:
        """See `Explainer.distances`."""
        found = super().distances(item, evidence)
        self.last = found
        return found

    def _replies(
        self, folder: Path, piece: Evidence, *, shift: int = 0, coarse: CoarseArithmetic | None = None
    ) -> Sequence[Any] | None:
        """See `Explainer._replies`. Where nothing is drawn, what failed before met the same example."""
        if coarse is not None or piece.drawn:
            return super()._replies(folder, piece, shift=shift, coarse=coarse)
        runner = piece.runner
        numbers = (runner.seed, runner.secret, shift, len(piece.replies))
        example = (folder, runner.body, *numbers, piece.stand_ins is None, frozenset(piece.adopted.items()))
        if example in self._known:
            return self._known[example]
        replies = self._known[example] = super()._replies(folder, piece, shift=shift)
        self._known_bytes += size_of(replies)
        while self._known_bytes > MAX_KNOWN_BYTES:
            self._known_bytes -= size_of(self._known.popitem(last=False)[1])
        return replies

    def _passes(self, mutant: Mutant, passed: Sequence[Passed]) -> bool:
        return mutant.id == self.tried or super()._passes(mutant, passed)


def distinguished(rows: Sequence[Row]) -> list[Row]:
    """Keep as twins of a mutant only those that grading cannot tell from it.

    It tells one that fails a check which the mutant passes, and all where it shows the mutant's own hint: where nothing
    random says which, the same draws do.
    """
    passed = {row.name: set(cell.passed) for row in rows if (cell := row.cell(row.own)) is not None}

    def left(row: Row) -> tuple[str, ...]:
        return tuple(twin for twin in row.twins if passed[row.name] <= passed[twin] and row.sees is not Sees.RIGHT)

    return [row.model_copy(update={"twins": left(row)}) for row in rows]
