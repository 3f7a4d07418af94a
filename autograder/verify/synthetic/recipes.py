"""The submissions of a synthetic class by kind: what each is made of, and what is certain about its items."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from random import Random
from typing import TypeVar, cast

from autograder.assignment import NOTEBOOK, Assignment
from autograder.errors import UserError
from autograder.mutants import CATALOGUE, Mutant, read_catalogue
from autograder.references import expected_names
from autograder.release.files import Tree
from autograder.release.packing import zip_bytes
from autograder.results import Outcome
from autograder.verify.matrix import Role
from autograder.verify.mutation import variants
from autograder.verify.mutation.enclosing_items import enclosing_items_of
from autograder.verify.mutation.variants import Variant
from autograder.verify.synthetic.as_handed_in import (
    files_of,
    mutated_file,
    reference_files,
    signed,
    with_lines_before,
)
from autograder.verify.synthetic.hostile_code import HOSTILE
from autograder.verify.synthetic.truth_table import Whole

Outcomes = Mapping[str, Outcome | None]
RIGHT = 1 / 3
"""The part of hostile submissions whose hostile lines stand next to right code."""

_T = TypeVar("_T")

_STUB = r"^[ \t]+raise NotImplementedError\("
_IMPORT = r"^(?:import |from (?!__future__\b))"
_UNFINISHED = b"\n\ndef unfinished(:\n    return\n"
_NOTES = "notes.txt"


class SubmissionKind(StrEnum):
    """What a submission is made of."""

    MUTANT = "mutant"
    TWO_MUTANTS = "two mutants"
    REFERENCE = "reference"
    ALTERNATIVE = "alternative"
    TEMPLATE = "template"
    HOSTILE = "hostile"
    MISSING_FILE = "missing file"
    BROKEN_FILE = "broken file"
    BROKEN_ZIP = "broken zip"
    EMPTY_FOLDER = "empty folder"
    NO_FOLDER = "no folder"
    COPY = "copy"


_DAMAGED = (SubmissionKind.BROKEN_FILE, SubmissionKind.BROKEN_ZIP)


@dataclass(frozen=True)
class Recipe:
    """One submission: its files (None where even the folder is missing), and what grading must find.

    ``outcomes`` has all items that are asked about, None where nothing is certain. What is ``untouched`` is not signed.
    """

    kind: SubmissionKind
    made_of: str
    files: Tree | None
    outcomes: Outcomes
    whole: Whole = Whole.GRADED
    untouched: bool = False

    def signed_by(self, signature: str) -> Recipe:
        """Return the same submission with a signature in each file of code, unless it is to stay untouched."""
        if self.untouched or self.files is None or self.kind in _DAMAGED:
            return self
        return replace(self, files={name: signed(name, data, signature) for name, data in self.files.items()})


@dataclass
class Cookbook:
    """Makes the submissions of one assignment. Raises `UserError` where it has no mutant of a certain outcome."""

    assignment: Assignment
    random: Random
    _waiting: dict[str, list[object]] = field(default_factory=dict)
    _made: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.mutants:
            raise UserError(
                f"{self.assignment.folder / CATALOGUE}: no mutant in it whose outcome is certain, of which a class"
                " is made; write some (docs/write-an-assignment.md)"
            )

    @cached_property
    def items(self) -> tuple[str, ...]:
        """The items that the truth speaks of: what the grader gives points for without training."""
        return variants.auto_items(self.assignment, self.assignment.manifest.files.required, training=False)

    @cached_property
    def reference(self) -> Tree:
        """The reference's files as handed in."""
        return reference_files(self.assignment)

    @cached_property
    def template(self) -> Tree:
        """What students start from."""
        return dict(variants.template(self.assignment).files)

    @cached_property
    def mutants(self) -> tuple[Mutant, ...]:
        """The mutants that cost their own item and nothing else, whatever is drawn.

        Left out are those that are right after all, of training items, that only statistics can see, or that may also
        cost the items in whose blanks they lie.
        """
        found, _ = variants.mutants(self.assignment, read_catalogue(self.assignment))
        bugs = [one.mutant for one in found if one.role is Role.MUTANT and one.mutant is not None]
        return tuple(
            bug
            for bug in bugs
            if bug.item in self.items and not bug.statistical and not enclosing_items_of(self.assignment, bug)
        )

    @cached_property
    def pairs(self) -> tuple[tuple[Mutant, Mutant], ...]:
        """A mutant of each two files of which neither reaches the other, drawn at random."""
        by_file: dict[str, list[Mutant]] = {}
        for mutant in self.mutants:
            by_file.setdefault(self._file(mutant.item), []).append(mutant)
        apart = [(a, b) for a, b in combinations(by_file, 2) if not self._reached(a) & self._reached(b)]
        return tuple(
            (one, other) for a, b in apart for one in by_file[a] for other in self.random.sample(by_file[b], 1)
        )

    @cached_property
    def graded_files(self) -> tuple[str, ...]:
        """The required files that items of the truth are about and that the reference has."""
        about = {self.assignment.manifest.item(item).file for item in self.items}
        return tuple(name for name in self.reference if name in about)

    @cached_property
    def possible(self) -> tuple[SubmissionKind, ...]:
        """The kinds that can be made of this assignment."""
        lacking = set()
        if not self.pairs:
            lacking.add(SubmissionKind.TWO_MUTANTS)
        if not variants.alternatives(self.assignment):
            lacking.add(SubmissionKind.ALTERNATIVE)
        return tuple(kind for kind in SubmissionKind if kind not in lacking)

    def make(self, kind: SubmissionKind, earlier: Collection[Recipe] = ()) -> Recipe:
        """Return the next submission of a kind; a copy is of one of the earlier ones that holds files."""
        match kind:
            case SubmissionKind.MUTANT:
                return self._mutants(kind, [self._next(kind, self.mutants)])
            case SubmissionKind.TWO_MUTANTS:
                return self._mutants(kind, self._next(kind, self.pairs))
            case SubmissionKind.REFERENCE:
                return Recipe(kind, "", self.reference, self._all(Outcome.PASS))
            case SubmissionKind.ALTERNATIVE:
                return self._alternative(self._next(kind, variants.alternatives(self.assignment)))
            case SubmissionKind.TEMPLATE:
                return Recipe(kind, "", self.template, self._all(Outcome.FAIL), untouched=True)
            case SubmissionKind.HOSTILE:
                return self._hostile(self._next(kind, HOSTILE))
            case SubmissionKind.MISSING_FILE:
                name = self._next(kind, self.graded_files)
                left = {other: data for other, data in self.reference.items() if other != name}
                return Recipe(kind, name, left or {_NOTES: b"I lost my file.\n"}, self._failing(name))
            case SubmissionKind.BROKEN_FILE:
                name = self._next(kind, self.graded_files)
                return Recipe(kind, name, self.reference | {name: self._broken(name)}, self._failing(name))
            case SubmissionKind.BROKEN_ZIP:
                whole = zip_bytes(self.reference)
                broken = {"hand_in.zip": whole[: len(whole) // 2]}
                return Recipe(kind, "", broken, self._all(Outcome.FAIL))
            case SubmissionKind.EMPTY_FOLDER:
                return Recipe(kind, "", {}, self._all(Outcome.FAIL), Whole.UNREADABLE)
            case SubmissionKind.NO_FOLDER:
                return Recipe(kind, "", None, self._all(Outcome.FAIL), Whole.MISSING)
            case SubmissionKind.COPY:
                return self._copy([one for one in earlier if one.files and one.kind is not SubmissionKind.COPY])

    def _next(self, kind: str, of: Iterable[_T]) -> _T:
        """Return one after the other in an order drawn at random, and all of them again when none is left."""
        waiting = self._waiting.setdefault(kind, [])
        if not waiting:
            choices = list(of)
            waiting += self.random.sample(choices, len(choices))
        return cast(_T, waiting.pop())

    def _mutants(self, kind: SubmissionKind, mutants: Iterable[Mutant]) -> Recipe:
        mutants = tuple(mutants)
        files = self.reference | dict(map(self._mutated, mutants))
        outcomes = {**self._all(Outcome.PASS), **{mutant.item: Outcome.FAIL for mutant in mutants}}
        return Recipe(kind, " + ".join(mutant.id for mutant in mutants), files, outcomes)

    def _mutated(self, mutant: Mutant) -> tuple[str, bytes]:
        if mutant.id not in self._made:
            self._made[mutant.id] = mutated_file(self.assignment, mutant)
        return self._made[mutant.id]

    def _alternative(self, alternative: Variant) -> Recipe:
        """Return an alternative; what only imports its files is not certain."""
        outcomes = dict(self._all(Outcome.PASS))
        for file in expected_names(self.assignment, alternative.files).values():
            others = (item for item in self.items if self._file(item) in self._reached(file))
            outcomes |= {item: None for item in others if item not in alternative.items}
        files = self.reference | files_of(self.assignment, alternative.files)
        return Recipe(SubmissionKind.ALTERNATIVE, alternative.name, files, outcomes)

    def _hostile(self, what: str) -> Recipe:
        """Return the reference with hostile lines in one of its files: in the template's, of which no item can pass, or
        in the right one, of which nothing is certain; they run when the file is loaded, or when a blank is called.
        """
        name = self._next("hostile file", self.graded_files)
        is_right = name.endswith(".py") and self.random.random() < RIGHT
        base, lines = (self.reference if is_right else self.template)[name], HOSTILE[what]
        at_import = with_lines_before(name, base, _IMPORT, lines) if name.endswith(".py") else None
        when_called = None if is_right else with_lines_before(name, base, _STUB, lines)
        places = {"at import": at_import, "when called": when_called}
        possible = {place: data for place, data in places.items() if data is not None}
        if not possible and (at_top := with_lines_before(name, base, "^", lines)) is not None:
            possible["at the top"] = at_top
        place = self.random.choice(sorted(possible))
        outcomes = self._without_result(name) if is_right else self._failing(name)
        made_of = f"{what} {place}, {'right' if is_right else 'unfinished'} {name}"
        return Recipe(SubmissionKind.HOSTILE, made_of, self.reference | {name: possible[place]}, outcomes)

    def _copy(self, originals: Sequence[Recipe]) -> Recipe:
        if not originals:
            return self.make(SubmissionKind.MUTANT)
        return replace(self.random.choice(originals), kind=SubmissionKind.COPY)

    def _broken(self, name: str) -> bytes:
        """Return a file of the reference that cannot be read: a script that does not parse, half of a notebook."""
        whole = self.reference[name]
        return whole[: len(whole) // 2] if name.endswith(NOTEBOOK) else whole + _UNFINISHED

    def _all(self, outcome: Outcome) -> Outcomes:
        return dict.fromkeys(self.items, outcome)

    def _failing(self, name: str) -> Outcomes:
        """Return the outcomes where nothing of a file can pass; what imports it is not certain."""
        outcomes = dict(self._without_result(name))
        return outcomes | {item: Outcome.FAIL for item in self.items if self._file(item) == name}

    def _without_result(self, name: str) -> Outcomes:
        """Return the outcomes where only what a file does not reach is certain."""
        reached = self._reached(name)
        return {item: None if self._file(item) in reached else Outcome.PASS for item in self.items}

    def _file(self, item: str) -> str:
        file = self.assignment.manifest.item(item).file
        assert file is not None
        return file

    def _reached(self, file: str) -> set[str]:
        return variants.reached_files(self.assignment, file)
