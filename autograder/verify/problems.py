"""Problems that speak against a release, found in what was graded. Each says what, where, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograder.errors import first_few
from autograder.mutants import CATALOGUE, Catalogue, Mutant
from autograder.verify.matrix import REFERENCE_NETWORK, Cell, CheckColumn, Problem, ProblemKind, Report, Role, Row, Sees
from autograder.verify.measurement.margins import network_too_near, too_near

MAX_NAMES = 5
"""Places of one problem that are written out."""
CLOSE = 1e-6
"""Parts of points that are closer than this are equal: they are sums of a few decimal numbers."""


def with_problems(report: Report, catalogue: Catalogue, misfits: Sequence[Problem] = ()) -> Report:
    """Return the report with its problems, kind by kind and otherwise in the order of the rows."""
    found = [
        *misfits,
        *_together(_faults(report)),
        *_together(_correct_rows(report)),
        *_together(_mutants(report, {mutant.id: mutant for mutant in catalogue.mutants})),
        *_claims(report),
        *_hints(report),
        *_baselines(report),
        *_margins(report),
        *_exemptions(report),
    ]
    report = report.model_copy(update={"checks": tuple(_counted(report))})
    found += _idle(report)
    kinds = list(ProblemKind)
    return report.model_copy(update={"problems": tuple(sorted(found, key=lambda problem: kinds.index(problem.kind)))})


def _at(row: Row) -> str:
    return (
        f"{CATALOGUE}: mutant {row.name!r}"
        if row.role in (Role.MUTANT, Role.EQUIVALENT)
        else f"{row.role} {row.name!r}"
    )


def _points(number: float) -> str:
    return f"{number:g} point{'' if number == 1 else 's'}"


def _failures(report: Report, cell: Cell) -> str:
    """Say which checks failed, by name, and what the first of them says."""
    names = [check.id for check in report.checks_of(cell.item) if check.label in cell.failed]
    return f"{', '.join(names)} ({cell.note})" if cell.note else ", ".join(names)


def broken_checks(rows: Sequence[Row]) -> list[Problem]:
    """Return one problem for each exception that checks themselves raise on the reference, with all that meet it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for exception in row.exceptions:
            found.setdefault(exception.cause, []).append(exception.check)
    fix = "fix the check; until then, nothing else can be said"
    return [
        Problem(kind=ProblemKind.BROKEN, where=_listed(checks), what=f"raises {cause}", fix=fix)
        for cause, checks in found.items()
    ]


def _listed(names: Sequence[str]) -> str:
    """Write out the first names, and how many more there are."""
    return first_few(list(dict.fromkeys(names)), MAX_NAMES)


def _together(problems: Iterator[Problem]) -> Iterator[Problem]:
    """Make one problem of those that have the same cause: what is wrong is the same, at several places."""
    places: dict[tuple[ProblemKind, str, str], list[str]] = {}
    for problem in problems:
        places.setdefault((problem.kind, problem.what, problem.fix), []).append(problem.where)
    for (kind, what, fix), where in places.items():
        yield Problem(kind=kind, where=_listed(where), what=what, fix=fix)


def _faults(report: Report) -> Iterator[Problem]:
    """Checks that fail on the reference where a variant fails; what the reference fails by itself is told there."""
    told = {(cell.item, label) for row in report.of_role(Role.REFERENCE) for cell in row.cells for label in cell.failed}
    for row in report.rows:
        for cell in row.cells:
            at_fault = [label for label in cell.errors if (cell.item, label) not in told]
            names = [check.id for check in report.checks_of(cell.item) if check.label in at_fault]
            if names:
                what = f"{', '.join(names)} also fails on the reference, on the same example ({cell.fault})"
                fix = "fix the check: a right answer must pass on every input"
                yield Problem(kind=ProblemKind.FAULT, where=_at(row), what=what, fix=fix)


def _correct_rows(report: Report) -> Iterator[Problem]:
    """The reference and alternatives lose nothing; the template earns nothing."""
    troubles = {
        Role.REFERENCE: (ProblemKind.REFERENCE, "fix the reference or the check"),
        Role.ALTERNATIVE: (ProblemKind.ALTERNATIVE, "the check asks for more than the handout does: loosen it"),
    }
    for row in report.rows:
        for cell in row.cells:
            if row.role in troubles and cell.failed:
                kind, fix = troubles[row.role]
                what = f"loses {_points(cell.lost)} of {cell.item}: {_failures(report, cell)}"
                if row.lacks:
                    what += f"; nothing in it is called {_listed(row.lacks)}: was that added to the item since?"
                yield Problem(kind=kind, where=_at(row), what=what, fix=fix)
            if row.role is Role.TEMPLATE and cell.passed:
                names = [check.id for check in report.checks_of(cell.item) if check.label in cell.passed]
                what = f"passes {', '.join(names)} of {cell.item} with nothing written"
                fix = "a check must fail until its item is written; ask it for a value"
                yield Problem(kind=ProblemKind.TEMPLATE, where=_at(row), what=what, fix=fix)


def _mutants(report: Report, known: dict[str, Mutant]) -> Iterator[Problem]:
    for row in report.of_role(Role.MUTANT):
        yield from _own(report, row, known[row.name])
        for cell in row.cells:
            if cell.item not in (row.own, *row.enclosing_items) and cell.failed:
                what = f"a bug of {row.own} costs {_points(cell.lost)} of {cell.item}: {_failures(report, cell)}"
                fix = f"give {cell.item} a stand-in for what the bug is in, or let its checks not call it"
                yield Problem(kind=ProblemKind.BLAST_RADIUS, where=_at(row), what=what, fix=fix)


def _own(report: Report, row: Row, mutant: Mutant) -> Iterator[Problem]:
    """What must hold in the item that the bug belongs to."""
    cell = row.cell(row.own)
    if cell is None:
        return  # an item without checks is a problem of its own
    if not cell.failed:
        fix = "add a check that sees it, or say why it is right, under `equivalent` (`without` where it was planted)"
        what = f"passes all checks of {row.own}"
        yield Problem(kind=ProblemKind.SURVIVOR, where=_at(row), what=what, fix=fix)
        return
    if not row.raises and not cell.killed_by:
        fix = "set `raises = true` if that is the bug, else let it give a wrong answer"
        what = f"is seen in {row.own} only as an exception: {_failures(report, cell)}"
        yield Problem(kind=ProblemKind.UNDECLARED_RAISE, where=_at(row), what=what, fix=fix)
    if row.raises and not cell.raised_by:
        what = f"is declared to raise, but fails {row.own} by a wrong answer: {_failures(report, cell)}"
        yield Problem(kind=ProblemKind.DECLARED_RAISE, where=_at(row), what=what, fix="remove `raises`")
    yield from _penalty(report, row, cell, mutant)


def _penalty(report: Report, row: Row, cell: Cell, mutant: Mutant) -> Iterator[Problem]:
    points = next(item.points for item in report.items if item.id == row.own)
    if mutant.penalty is None or not points:
        return
    part = cell.lost / points
    least, greatest = mutant.penalty
    if not least - CLOSE <= part <= greatest + CLOSE:
        what = (
            f"costs {part:.3g} of {row.own} ({', '.join(cell.failed)}), its penalty must be {least:g} to {greatest:g}"
        )
        fix = "change the weights of the checks, or the penalty"
        yield Problem(kind=ProblemKind.PENALTY, where=_at(row), what=what, fix=fix)


def _claims(report: Report) -> Iterator[Problem]:
    fix = "remove `equivalent` and give a hint: it is a bug"
    for row in report.of_role(Role.EQUIVALENT):
        for cell in row.cells:
            if cell.failed:
                what = f"is said to be right, but loses {_points(cell.lost)} of {cell.item}: {_failures(report, cell)}"
                yield Problem(kind=ProblemKind.FALSE_CLAIM, where=_at(row), what=what, fix=fix)
    for claim in report.claims:
        where = f"{CATALOGUE}: mutant {claim.mutant!r}"
        if claim.at_fault:
            what = f"{claim.check} fails on the reference, on a drawn input: {claim.difference}"
            repair = "fix the check: a right answer must pass on every input"
            yield Problem(kind=ProblemKind.FAULT, where=where, what=what, fix=repair)
        elif claim.difference:
            what = f"is said to be right, but in {claim.check}, within {claim.inputs} inputs: {claim.difference}"
            yield Problem(kind=ProblemKind.FALSE_CLAIM, where=where, what=what, fix=fix)
        elif not claim.inputs:
            what = f"is said to be right, but no check of {claim.item} draws inputs (@given) to try that on"
            repair = "add one, or leave the variant out"
            yield Problem(kind=ProblemKind.UNPROVED_CLAIM, where=where, what=what, fix=repair)


def _hints(report: Report) -> Iterator[Problem]:
    rows = report.of_role(Role.MUTANT)
    told: set[frozenset[str]] = set()
    for row in rows:
        for twin in row.twins:
            if frozenset((row.name, twin)) not in told:
                told.add(frozenset((row.name, twin)))
                what = f"replies the same as {twin!r} wherever checks of {row.own} fail first"
                fix = "keep the one that students make, or add a check in which they differ"
                yield Problem(kind=ProblemKind.TWINS, where=_at(row), what=what, fix=fix)
        if row.sees is Sees.WRONG:
            what = f"a student with this bug would see the hint of {row.shown!r}"
            fix = "add a check in which the two differ"
            yield Problem(kind=ProblemKind.WRONG_HINT, where=_at(row), what=what, fix=fix)


def _baselines(report: Report) -> Iterator[Problem]:
    for baseline in report.baselines:
        if baseline.earned > CLOSE:
            where = f"baseline {baseline.name!r}"
            what = f"earns {baseline.earned:.3g} of {baseline.item} without having learnt anything"
            yield Problem(kind=ProblemKind.BASELINE, where=where, what=what, fix="ask for a larger margin")


def _margins(report: Report) -> Iterator[Problem]:
    """What the reference reaches now, against its record over many seeds, and the records of other networks."""
    for margin in report.margins:
        if margin.network != REFERENCE_NETWORK and (found := network_too_near(margin)):
            what, fix = found
            yield Problem(kind=ProblemKind.MARGIN, where=f"{margin.check}, {margin.criterion}", what=what, fix=fix)
    known = {(m.check, m.criterion): m for m in report.margins if m.network == REFERENCE_NETWORK}
    for row in report.of_role(Role.REFERENCE):
        for lead in row.leads:
            if found := too_near(lead, known.get((lead.check, lead.criterion))):
                what, fix = found
                where = f"{lead.check}, {lead.criterion}"
                yield Problem(kind=ProblemKind.MARGIN, where=where, what=what, fix=fix)


def _exemptions(report: Report) -> Iterator[Problem]:
    for exemption in report.exemptions:
        if exemption.holds:
            what = f"is exempted ({exemption.reason}), but the reference has this property"
            fix = "ask for it: remove the exemption"
            yield Problem(kind=ProblemKind.EXEMPTION, where=exemption.check, what=what, fix=fix)


def _counted(report: Report) -> Iterator[CheckColumn]:
    """Count, for every check, the mutants of its item that it catches."""
    for check in report.checks:
        rows = [row for row in report.of_role(Role.MUTANT) if row.own == check.item]
        yield check.model_copy(update={"kills": sum(check.label in row.killers for row in rows)})


def _idle(report: Report) -> Iterator[Problem]:
    """Checks that catch nothing, and items that nothing proves; training items have baselines instead."""
    items = [item for item in report.items if not item.training and report.scope in ("", item.id)]
    for item in items:
        checks = report.checks_of(item.id)
        has_mutants = any(row.own == item.id for row in report.of_role(Role.MUTANT))
        if not checks or not has_mutants:
            missing = "check" if not checks else "mutant"
            fix = f"add a {missing} for it"
            yield Problem(kind=ProblemKind.UNPROVED_ITEM, where=item.id, what=f"has no {missing}", fix=fix)
            continue
        for check in checks:
            if not check.kills:
                what = f"kills no mutant of {item.id}"
                fix = "add the mistake that it is there for, or remove the check"
                yield Problem(kind=ProblemKind.IDLE_CHECK, where=check.id, what=what, fix=fix)
