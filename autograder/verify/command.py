"""The commands `build.py verify` and `build.py release`: choose, verify with a progress bar, save, name problems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograder.assignment import Assignment, concepts, load_assignment, load_concept, slugs
from autograder.errors import UserError, did_you_mean
from autograder.verify.execution.progress import progress_bar
from autograder.verify.matrix import Report
from autograder.verify.record import digests_of, objection, remove_record, write_record
from autograder.verify.reporting.messages import messages_of
from autograder.verify.reporting.pages import page
from autograder.verify.verified import read_verified, record_verified

FOLDER = "verify"
"""Where results lie, below the folder of what is built."""
ITEMS = "items"
"""Where results for one item lie, below those of their assignment: they are no licence to release."""
JSON, PAGE, MESSAGES, KEPT = "matrix.json", "matrix.html", "messages.txt", "kept.jsonl"


ALL = "all"
"""Stands for every concept."""


def choose(
    root: Path, chosen: Sequence[str], item: str = "", concept: str = "", *, changed: bool = False
) -> list[Assignment]:
    """Return the chosen assignments (all without a choice) that have the item; raise `UserError` where none has it.

    With a ``concept`` its proof alone, which stands for an assignment; with `ALL` every concept's. With ``changed``
    what differs from its record of a verification, concepts among it unless assignments are chosen.
    """
    if concept and chosen:
        raise UserError(f"--concept {concept} is proved without an assignment; leave out {', '.join(chosen)}")
    if concept:
        assignments = [load_concept(root, name) for name in (concepts(root) if concept == ALL else [concept])]
    else:
        assignments = [load_assignment(root, slug) for slug in dict.fromkeys(chosen or slugs(root))]
    if not assignments:
        raise UserError(f"{root / 'assignments'}: no assignments here (folders with an assignment.toml)")
    if changed:
        return read_verified(root).differing([*_proofs(root, chosen or concept), *assignments])
    if not item:
        return assignments
    having = [a for a in assignments if any(entry.id == item for entry in a.manifest.items)]
    if not having:
        known = [entry.id for a in assignments for entry in a.manifest.items]
        raise UserError(f"no item {item!r} in {', '.join(a.slug for a in assignments)}{did_you_mean(item, known)}")
    return having


def never_verified(root: Path, chosen: Sequence[str]) -> list[str]:
    """Name the chosen assignments (all, and all concepts, without a choice) of which no verification is on record."""
    assignments = [*_proofs(root, chosen), *(load_assignment(root, slug) for slug in chosen or slugs(root))]
    missing = read_verified(root).missing(assignments)
    return [f"--concept {one.slug}" if one.is_concept else one.slug for one in missing]


def _proofs(root: Path, chosen: object) -> list[Assignment]:
    return [] if chosen else [load_concept(root, name) for name in concepts(root)]


def folder_for(out: Path, assignment: Assignment, item: str) -> Path:
    """Make and return the folder for what is found out; raise `UserError` before minutes are spent for nothing."""
    folder = out / assignment.slug / ITEMS / item if item else out / assignment.slug
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); name another folder with --out") from None
    return folder


def verify_and_save(
    root: Path, assignment: Assignment, out: Path, *, item: str, jobs: int, fresh: bool = False
) -> tuple[Report, Path]:
    """Verify one assignment and save what was found; return it with the page. A pass of all items goes on record,
    with the results as what may be released and beside ``assignments/`` as what need not be verified again.

    What was kept of earlier verifications is used, unless ``fresh``.
    """
    from autograder.verify.kept import Kept
    from autograder.verify.verifying import verify

    folder = folder_for(out, assignment, item)
    path = out / assignment.slug / KEPT
    if fresh:
        path.unlink(missing_ok=True)
    read_verified(root)  # one that cannot be read is said before minutes are spent
    before = digests_of(root, assignment)
    with progress_bar(assignment.slug) as progress:
        report = verify(assignment, item=item, jobs=jobs, progress=progress, kept=Kept(path))
    page = _save(report, folder)
    if not item:
        if report.passed and digests_of(root, assignment) == before:
            write_record(folder, assignment.slug, before)
            record_verified(root, assignment)
        else:
            remove_record(folder)
    return report, page


def objections(root: Path, assignments: Sequence[Assignment], out: Path) -> list[str]:
    """Say for every assignment that may not be released what stands against it, and what to do."""
    found = ((assignment.slug, objection(root, assignment, out / assignment.slug)) for assignment in assignments)
    return [f"{what}; run: python build.py verify {slug}" for slug, what in found if what]


def _save(report: Report, folder: Path) -> Path:
    (folder / JSON).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(report), encoding="utf-8")
    (folder / MESSAGES).write_text(messages_of(report), encoding="utf-8")
    return folder / PAGE
