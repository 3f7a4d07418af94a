"""One verification from the start: what to grade, on how many processes, and what that says of the rubric."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch

from autograder import __version__
from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.mutants import Catalogue, read_catalogue
from autograder.references import reference_code, reference_name, reference_path
from autograder.verify.execution.pool import do_all
from autograder.verify.execution.progress import Progress
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.handout_points import handout_problems
from autograder.verify.kept import Kept, Keys
from autograder.verify.matrix import (
    Baseline,
    Claim,
    Earnings,
    ItemColumn,
    Problem,
    ProblemKind,
    Record,
    Report,
    Role,
    Row,
)
from autograder.verify.measurement.baselines import Baselines, baselines_of, max_earned
from autograder.verify.measurement.margins import MIN_RUNS, read_margins, unmeasured
from autograder.verify.mutation import variants
from autograder.verify.mutation.equivalence import INPUTS, QUICK_INPUTS, Chunk, chunks_of, try_chunk
from autograder.verify.mutation.reached_code import same_where_it_was_run
from autograder.verify.mutation.trial import TrialContext, distinguished, try_exemptions, try_variant
from autograder.verify.mutation.variants import Variant
from autograder.verify.problems import broken_checks, with_problems

_R = TypeVar("_R", bound=Record)


def verify(
    assignment: Assignment,
    *,
    item: str = "",
    jobs: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Report:
    """Grade everything that proves a rubric, and return what was found.

    Mutants are graded on all items that they can reach; where an item's checks run nothing of what is changed, the
    reference's answer is theirs.

    With ``item`` this is the author's working loop: that item's checks on the reference, the template, the alternatives
    and the item's mutants, and the mutants on what else they reach. Claims of equivalence get `QUICK_INPUTS` inputs.

    What is ``kept`` of earlier verifications is not done again, unless something changed that has a say in it; what is
    new is kept.

    Raises `UserError` for what cannot be read and `GraderError` where grading itself breaks.
    """
    if item and not assignment.manifest.item(item).is_auto:
        raise UserError(f"{item!r} is no auto item: there is nothing to verify")
    torch.set_num_threads(1)  # each process has one core; results must not depend on how a sum is split
    with tempfile.TemporaryDirectory(prefix="autograder-verify-") as folder:
        mutants, misfits = variants.mutants(assignment, read_catalogue(assignment))
        known = Catalogue(assignment, tuple(variant.mutant for variant in mutants if variant.mutant is not None))
        context = TrialContext(CheckSuite.collect(assignment), known, Path(folder))
        keys = Keys(assignment, context.suite, known)
        kept = kept if kept is not None else Kept(Path(folder) / "kept")
        report = _Verification(context, keys, kept, item, jobs, progress).report(mutants, misfits)
        if not item:
            kept.forget_others()
        return report


@dataclass
class _Verification:
    """The state of one verification."""

    context: TrialContext
    keys: Keys
    kept: Kept
    item: str
    jobs: int
    progress: Progress | None
    done: int = 0
    total: int = 0

    def report(self, mutants: Sequence[Variant], misfits: Sequence[Problem]) -> Report:
        """Grade, check, and put together."""
        graded = self._variants(mutants)
        graded, first = self._reference_first(graded)
        if broken := broken_checks(first):
            return self._report(first, (), ()).model_copy(update={"problems": tuple(broken)})
        known = {item_id: one for item_id, one in baselines_of(self.context.suite).items() if self._wants(item_id)}
        claims = [variant for variant in graded if variant.role is Role.EQUIVALENT]
        chunks = [chunk for variant in claims for chunk in chunks_of(self.context, variant, self._inputs)]
        tried = self._do(
            [f"claim {chunk.variant.name!r}" for chunk in chunks],
            [self.keys.of_claim(chunk.variant, chunk.check.id, chunk.number, chunk.inputs) for chunk in chunks],
            self._try_chunk(chunks),
            Claim,
        )
        rows = distinguished(self._graded(graded, first))
        earned = self._do(
            [f"baselines of {name!r}" for name in known],
            [self.keys.of_baselines(name) for name in known],
            self._try_baselines(known),
            Earnings,
        )
        report = self._report(rows, _joined(claims, tried), [one for each in earned for one in each.baselines])
        said = [] if self.item else handout_problems(self.context.assignment)
        return with_problems(report, self.context.catalogue, [*misfits, *said, *self._unmeasured()])

    def _unmeasured(self) -> list[Problem]:
        """Networks that no record tells of: a threshold was never screened over them."""
        suite = self.context.suite
        fix = f"build.py verify --margins {MIN_RUNS}"
        return [
            Problem(kind=ProblemKind.MARGIN, where=f"network {name!r}", what=f"is not on record for {item}", fix=fix)
            for name, item in unmeasured(suite, read_margins(suite.assignment), self.item)
        ]

    @property
    def _inputs(self) -> int:
        return QUICK_INPUTS if self.item else INPUTS

    def _wants(self, item_id: str) -> bool:
        return not self.item or item_id == self.item

    # what to grade

    def _variants(self, mutants: Sequence[Variant]) -> list[Variant]:
        """Return all variants, or those of the one item, reference first."""
        assignment = self.context.assignment
        base = [variants.reference(assignment), variants.template(assignment), *variants.alternatives(assignment)]
        if not self.item:
            return [*base, *mutants]
        own = [variant for variant in mutants if variant.own == self.item]
        reached = {self.item, *(item for variant in own for item in variant.items)}
        reference = base[0].on(item for item in base[0].items if item in reached)
        return [reference, *(variant.on([self.item]) for variant in base[1:] if self.item in variant.items), *own]

    # doing it

    def _do(self, names: Sequence[str], keys: Sequence[str], work: Callable[[int], Record], kind: type[_R]) -> list[_R]:
        """Do what is not kept."""
        self.total += len(names)
        answers = {number: answer for number, key in enumerate(keys) if (answer := self.kept.find(key)) is not None}
        self._tick(len(answers))
        new = [number for number in range(len(names)) if number not in answers]

        def done(number: int, answer: Any) -> None:
            answers[new[number]] = answer
            self.kept.keep(keys[new[number]], answer)
            self._tick(1)

        do_all([names[n] for n in new], lambda n: work(new[n]).model_dump(mode="json"), self.jobs, done)
        return [kind.model_validate(answers[number]) for number in range(len(names))]

    def _tick(self, more: int) -> None:
        self.done += more
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _reference_first(self, graded: list[Variant]) -> tuple[list[Variant], list[Row]]:
        """Grade the reference where nothing is trained; return what is left to grade, and its rows.

        Where checks themselves raise there, nothing else can be said.
        """
        reference, *others = graded
        training = [item for item in reference.items if self.context.assignment.manifest.item(item).training]
        rows = self._tried([reference.on([item]) for item in reference.items if item not in training])
        return [reference.on(training), *others], rows

    def _graded(self, graded: Sequence[Variant], first: Sequence[Row]) -> list[Row]:
        """Grade all variants but for the rows that are there; what takes longest begins first, so that no process
        waits for it in the end."""
        parts = [variant.on([item]) for variant in graded for item in variant.items]
        same = [row for part in parts if (row := self._as_reference(part, first)) is not None]
        answered = {(row.name, row.cells[0].item) for row in same}
        parts = [part for part in parts if part.mutant is None or (part.name, part.items[0]) not in answered]
        parts.sort(key=lambda part: not self.context.assignment.manifest.item(part.items[0]).training)
        tried = [*first, *same, *self._tried(parts)]
        order = {item.id: number for number, item in enumerate(self.context.assignment.manifest.items)}
        rows = []
        for variant in graded:
            own = [row for row in tried if (row.role, row.name) == (variant.role, variant.name)]
            if not own:
                continue
            cells = sorted((cell for row in own for cell in row.cells), key=lambda cell: order[cell.item])
            whole = next((row for row in own if row.cell(variant.own)), own[0])
            lacks = tuple(dict.fromkeys(blank for row in own for blank in row.lacks))
            leads = sorted((lead for row in own for lead in row.leads), key=lambda lead: lead.check)
            update = {"cells": tuple(cells), "leads": tuple(leads), "lacks": lacks, "ran": ()}
            rows.append(whole.model_copy(update=update))
        return rows

    def _as_reference(self, part: Variant, first: Sequence[Row]) -> Row | None:
        """Return a mutant's row on another item whose checks run nothing of the bug; None where it must be tried."""
        if part.mutant is None or part.items[0] == part.own:
            return None
        known = next((row for row in first if row.cell(part.items[0])), None)
        if known is None or known.cells[0].failed or known.cells[0].errors:
            return None
        if not same_where_it_was_run(known.ran, self.reference, part.files):
            return None
        return Row(role=part.role, name=part.name, own=part.own, files=tuple(part.files), cells=known.cells)

    @cached_property
    def reference(self) -> dict[str, bytes]:
        """The code of the reference, as mutants have it, by the names of its files."""
        assignment = self.context.assignment
        names = [n for n in assignment.manifest.files.required if reference_path(assignment, n).is_file()]
        return {reference_name(assignment, name): reference_code(assignment, name).encode() for name in names}

    def _tried(self, parts: Sequence[Variant]) -> list[Row]:
        names = [f"{part.role} {part.name!r} on {part.items[0]}" for part in parts]
        keys = [self.keys.of_variant(part, part.items[0]) for part in parts]
        return self._do(names, keys, lambda number: try_variant(self.context, parts[number]), Row)

    def _try_chunk(self, chunks: Sequence[Chunk]) -> Callable[[int], Claim]:
        return lambda number: try_chunk(self.context, chunks[number])

    def _try_baselines(self, known: Baselines) -> Callable[[int], Earnings]:
        def earned(number: int) -> Earnings:
            item_id = list(known)[number]
            parts = max_earned(known[item_id]).items()
            return Earnings(baselines=tuple(Baseline(item=item_id, name=name, earned=part) for name, part in parts))

        return earned

    def _report(self, rows: Sequence[Row], claims: Sequence[Claim], earned: Sequence[Baseline]) -> Report:
        manifest = self.context.assignment.manifest
        reached = {cell.item for row in rows for cell in row.cells}
        items = tuple(
            ItemColumn(id=i.id, title=i.title, points=i.points, file=i.file or "", training=i.training)
            for i in manifest.items
            if i.is_auto and (self._wants(i.id) or i.id in reached)
        )
        shown, item_of = {column.id for column in items}, {check.id: check.item for check in self.context.columns}
        return Report(
            slug=self.context.assignment.slug,
            title=manifest.title,
            assignment_version=manifest.version,
            grader_version=__version__,
            scope=self.item,
            items=items,
            checks=tuple(column for column in self.context.columns if column.item in shown),
            rows=tuple(rows),
            claims=tuple(claims),
            margins=tuple(m for m in read_margins(self.context.assignment) if item_of.get(m.check) in shown),
            baselines=tuple(earned),
            concepts=dict(manifest.concepts),
            exemptions=tuple(e for e in try_exemptions(self.context) if e.item in shown),
        )


def _joined(claims: Sequence[Variant], tried: Sequence[Claim]) -> list[Claim]:
    """Put the parts of every claim together: all inputs, and the first difference."""
    joined = []
    for variant in claims:
        assert variant.mutant is not None
        parts = [part for part in tried if part.mutant == variant.name]
        whole = Claim(mutant=variant.name, item=variant.own, reason=variant.mutant.equivalent, inputs=0)
        found = next((part for part in parts if part.difference), whole)
        joined.append(found.model_copy(update={"inputs": sum(part.inputs for part in parts)}))
    return joined
