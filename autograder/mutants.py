"""The catalogue of wrong variants: ``mutants.toml`` of an assignment.

One entry is one bug in the reference, with the misconception behind it. The same entries prove the checks, price
mistakes, and explain them to students.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from autograder.assignment import Assignment, Flag, Number, Table
from autograder.errors import UserError, did_you_mean
from autograder.misconceptions import Id, Planting, planted
from autograder.references import as_text, reference_code
from autograder.texts import read_toml

CATALOGUE = "mutants.toml"


class Replacement(Table):
    """One exact replacement in a file of the reference; ``old`` must be there exactly once."""

    old: Annotated[str, Field(min_length=1)]
    new: str


class Mutant(Table):
    """One bug. ``misconception`` says why somebody would write it, ``hint`` where to look, without the answer."""

    id: Id
    item: str
    misconception: Annotated[str, Field(min_length=1)]
    hint: str = ""
    old: Annotated[str, Field(min_length=1)]
    new: str
    also: tuple[Replacement, ...] = ()
    """Further replacements that belong to the same bug."""
    raises: Flag = False
    """Whether the bug shows as an exception, and not as a wrong answer."""
    statistical: Flag = False
    """Whether only a statistical check can see it: its detection is measured by `verify --power`."""
    equivalent: str = ""
    """Why the variant is right after all; "" where it is wrong."""
    penalty: tuple[Number, Number] | None = None
    """The least and the greatest part of the item's points that the bug may cost."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Mutant:
        if not self.equivalent and not self.hint:
            raise ValueError("a wrong variant needs a hint")
        if self.penalty is not None and not 0 <= self.penalty[0] <= self.penalty[1] <= 1:
            raise ValueError("penalty must be two parts of the item's points, [least, greatest], between 0 and 1")
        return self

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """All replacements, in the order of the catalogue."""
        return (Replacement(old=self.old, new=self.new), *self.also)


def _one_or_more_texts(value: object) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("give a text, or a list of texts")
    return tuple(texts)


class Equivalent(Table):
    """Automatic mutants that are right after all: in this item, the lines ``old`` may as well be any of ``new``.

    Lines are compared without their indentation; they find the mutant wherever it has moved to.
    """

    item: str
    old: Annotated[str, Field(min_length=1)]
    new: Annotated[tuple[str, ...], BeforeValidator(_one_or_more_texts)]
    reason: Annotated[str, Field(min_length=1)]


class _Catalogue(Table):
    concepts: tuple[Planting, ...] = ()
    mutants: tuple[Mutant, ...] = ()
    automatic: tuple[Equivalent, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """The mutants of one assignment, in the order of the file."""

    assignment: Assignment
    mutants: tuple[Mutant, ...]
    automatic: tuple[Equivalent, ...] = ()

    def of_item(self, item_id: str) -> tuple[Mutant, ...]:
        """The wrong variants of one item; those that are right after all are left out."""
        return tuple(mutant for mutant in self.mutants if mutant.item == item_id and not mutant.equivalent)

    def source(self, mutant: Mutant) -> tuple[str, str]:
        """Return the file that a mutant changes (a notebook as text) and its code with the bug.

        Raises `UserError` if the mutant does not fit.
        """
        file = self.assignment.manifest.item(mutant.item).file
        assert file is not None
        code = reference_code(self.assignment, file)
        return as_text(file), apply(mutant.replacements, code, where=f"{CATALOGUE}: mutant {mutant.id!r}, {file}")


def apply(replacements: Sequence[Replacement], text: str, *, where: str) -> str:
    """Return the text with all replacements made; raise `UserError` for one that does not fit exactly once."""
    for replacement in replacements:
        if (count := text.count(replacement.old)) != 1:
            raise UserError(f"{where}: {replacement.old!r} is there {count} times; it must be there exactly once")
        if replacement.old == replacement.new:
            raise UserError(f"{where}: {replacement.old!r} is replaced by itself")
        text = text.replace(replacement.old, replacement.new)
    return text


def read_catalogue(assignment: Assignment) -> Catalogue:
    """Read ``mutants.toml``; an assignment without one has no mutants. `UserError` names file, mutant and key.

    Where it names concepts, their misconceptions come first, planted into the reference.
    """
    path = assignment.folder / CATALOGUE
    if not path.is_file():
        return Catalogue(assignment, ())
    data = read_toml(path)
    try:
        found = _Catalogue.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_problem(error, data)}") from None
    found = found.model_copy(update={"mutants": (*_planted(assignment, found, path), *found.mutants)})
    _judge(assignment, found, path)
    return Catalogue(assignment, found.mutants, found.automatic)


def _planted(assignment: Assignment, catalogue: _Catalogue, path: Path) -> Iterator[Mutant]:
    known = {item.id: item.file for item in assignment.manifest.items if item.is_auto and item.file is not None}
    for number, planting in enumerate(catalogue.concepts, start=1):
        where = f"{path}: concept {number} ({planting.concept})"
        if planting.item not in known:
            near = did_you_mean(planting.item, known)
            raise UserError(f"{where}: no auto item {planting.item!r} with a file{near}")
        for old, one in planted(assignment, planting, reference_code(assignment, known[planting.item]), where):
            yield Mutant(
                item=planting.item, old=old, new=one.body, **one.model_dump(exclude={"body", "part", "not_for"})
            )


def _judge(assignment: Assignment, catalogue: _Catalogue, path: Path) -> None:
    known = [item.id for item in assignment.manifest.items if item.is_auto and item.file is not None]
    for number, entry in enumerate(catalogue.automatic, start=1):
        if entry.item not in known:
            near = did_you_mean(entry.item, known)
            raise UserError(f"{path}: automatic {number}: no auto item {entry.item!r} with a file{near}")
    seen: set[str] = set()
    for mutant in catalogue.mutants:
        if mutant.id in seen:
            raise UserError(f"{path}: mutant {mutant.id!r} is there twice")
        seen.add(mutant.id)
        if mutant.item not in known:
            near = did_you_mean(mutant.item, known)
            raise UserError(f"{path}: mutant {mutant.id!r}: no auto item {mutant.item!r} with a file{near}")


def _first_problem(error: ValidationError, data: object) -> str:
    problems = error.errors()
    # a misspelt key is also a missing one; what to fix is the key that is there
    problem = next((found for found in problems if found["type"] == "extra_forbidden"), problems[0])
    where = [str(part) for part in problem["loc"]]
    tables: dict[str, type[Table]] = {"concepts": Planting, "mutants": Mutant, "automatic": Equivalent}
    table = tables.get(where[0], _Catalogue) if len(where) > 1 else _Catalogue
    near = did_you_mean(where[-1], list(table.model_fields)) if problem["type"] == "extra_forbidden" else ""
    key = ".".join(where)
    if where[:1] == ["automatic"] and len(where) > 1:
        key = f"automatic {int(where[1]) + 1}, {'.'.join(where[2:]) or 'as a whole'}"
    if where[:1] == ["mutants"] and len(where) > 1 and isinstance(data, dict):
        entry = data["mutants"][int(where[1])]
        key = f"mutant {entry.get('id', int(where[1]) + 1)!r}, {'.'.join(where[2:]) or 'as a whole'}"
    return f"{key}: unknown key{near}" if near else f"{key}: {problem['msg'].removeprefix('Value error, ')}"
