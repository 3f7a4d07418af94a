"""A synthetic class as Gradescope would export it, with its truth: the same bytes for the same seed and assignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.release.files import Tree
from autograder.release.packing import zip_bytes
from autograder.verify.synthetic.class_members import Delivery, deliveries, metadata_text
from autograder.verify.synthetic.recipes import Cookbook, Recipe, SubmissionKind
from autograder.verify.synthetic.truth_table import TRUTH, TruthRow, truth_text

EXPORT = "export.zip"
METADATA = "submission_metadata.yml"
MAX_SIZE = 10_000
"""Submissions: all files of a class are in memory while it is made."""
PERCENT = MappingProxyType(
    {
        SubmissionKind.REFERENCE: 8,
        SubmissionKind.HOSTILE: 7,
        SubmissionKind.ALTERNATIVE: 6,
        SubmissionKind.TWO_MUTANTS: 5,
        SubmissionKind.TEMPLATE: 4,
        SubmissionKind.MISSING_FILE: 3,
        SubmissionKind.BROKEN_FILE: 3,
        SubmissionKind.COPY: 3,
        SubmissionKind.BROKEN_ZIP: 2,
        SubmissionKind.EMPTY_FOLDER: 2,
        SubmissionKind.NO_FOLDER: 2,
    }
)
"""Submissions of each kind in a large class; all others are mutants."""


@dataclass(frozen=True)
class SyntheticClass:
    """The files of an export by their paths (a folder's ends with a slash), and the truth, sorted by key."""

    export: Tree
    items: tuple[str, ...]
    truth: tuple[TruthRow, ...]

    @property
    def kinds(self) -> dict[str, int]:
        """How many submissions there are of each kind, the most frequent first."""
        return dict(Counter(row.kind for row in self.truth).most_common())


def make_class(assignment: Assignment, size: int, seed: int) -> SyntheticClass:
    """Return a class of so many submissions, more than half of them mutants, and from 23 on all kinds that there are.

    Raises `UserError` for a size that is none, and where the assignment has no mutants or no reference.
    """
    if not 1 <= size <= MAX_SIZE:
        raise UserError(f"--size {size}: a class has 1 to {MAX_SIZE} submissions")
    random = Random(f"{assignment.slug} {seed}")
    cookbook = Cookbook(assignment, random)
    recipes = _recipes(cookbook, random, size)
    number = random.randrange(100_000_000, 200_000_000)
    top = f"assignment_{random.randrange(1_000_000, 4_000_000)}_export"
    export: Tree = {}
    people: dict[str, Delivery] = {}
    truth = []
    for recipe, delivery in zip(recipes, deliveries(random, size), strict=True):
        number += random.randrange(1, 5_000)
        key = f"submission_{number}"
        people[key] = delivery
        export |= _files(f"{top}/{key}", recipe)
        truth.append(_truth(key, recipe, delivery))
    export[f"{top}/{METADATA}"] = metadata_text(people).encode()
    return SyntheticClass(export, cookbook.items, tuple(truth))


def write_class(assignment: Assignment, size: int, seed: int, folder: Path) -> SyntheticClass:
    """Make a class, and write the export and its truth into a new folder; return it.

    The folder is for its owner alone: the reference is in it. Raises `UserError` where it is there already.
    """
    if folder.exists():
        raise UserError(f"{folder}: is there already; name another folder with --out, or remove it")
    made = make_class(assignment, size, seed)
    try:
        folder.mkdir(mode=0o700, parents=True)
        (folder / EXPORT).write_bytes(zip_bytes(made.export))
        (folder / TRUTH).write_text(truth_text(made.items, made.truth), encoding="utf-8", newline="")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); name another folder with --out") from None
    return made


def _recipes(cookbook: Cookbook, random: Random, size: int) -> list[Recipe]:
    """Return the submissions in the order in which they came in; copies are of whatever else is there."""
    kinds = _kinds(cookbook.possible, random, size)
    copies = kinds.count(SubmissionKind.COPY)
    made = (cookbook.make(kind) for kind in kinds if kind is not SubmissionKind.COPY)
    recipes = [one.signed_by(f"submission {number} of a synthetic class") for number, one in enumerate(made, start=1)]
    recipes += [cookbook.make(SubmissionKind.COPY, recipes) for _ in range(copies)]
    random.shuffle(recipes)
    return recipes


def _kinds(possible: tuple[SubmissionKind, ...], random: Random, size: int) -> list[SubmissionKind]:
    """Return a kind for each submission: mutants for more than half, then one of each kind as far as there is room."""
    others = [kind for kind in PERCENT if kind in possible]
    room = size - (size // 2 + 1)
    more = [kind for kind in others for _ in range(round(size * PERCENT[kind] / 100) - 1)]
    chosen = [*random.sample(others, len(others)), *random.sample(more, len(more))][:room]
    return [*chosen, *[SubmissionKind.MUTANT] * (size - len(chosen))]


def _files(folder: str, recipe: Recipe) -> Mapping[str, bytes]:
    if recipe.files is None:
        return {}
    return {f"{folder}/{name}": data for name, data in recipe.files.items()} or {f"{folder}/": b""}


def _truth(key: str, recipe: Recipe, delivery: Delivery) -> TruthRow:
    return TruthRow(
        key=key,
        kind=recipe.kind.value,
        made_of=recipe.made_of,
        whole=recipe.whole,
        submitters=len(delivery.members),
        created_at=delivery.created_at,
        late_seconds=delivery.late_seconds,
        outcomes=recipe.outcomes,
    )
