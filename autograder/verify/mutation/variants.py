"""The variants that a verification grades: the reference and what stands next to it, each as the files that differ."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.assignment import Assignment, Item
from autograder.errors import UserError
from autograder.mutants import CATALOGUE, Catalogue, Mutant
from autograder.references import expected_names, reference_name, reference_path
from autograder.release.files import read_tree
from autograder.release.rubric import Rubric
from autograder.release.stubs import strip_source
from autograder.release.template import make_template
from autograder.source.junk import is_junk
from autograder.source.lines import Place
from autograder.source.parsing import parse_or_none
from autograder.source.spans import Source
from autograder.texts import read_text
from autograder.verify.matrix import Problem, ProblemKind, Role

ALTERNATIVES = "alternatives"


@dataclass(frozen=True)
class Variant:
    """The reference with some files in place of its own, and the items that it is graded on."""

    role: Role
    name: str
    files: Mapping[str, bytes]
    items: tuple[str, ...]
    own: str = ""
    mutant: Mutant | None = None

    def on(self, items: Iterable[str]) -> Variant:
        """Return the same variant, graded on these items."""
        return replace(self, items=tuple(items))

    def write(self, assignment: Assignment, folder: Path) -> None:
        """Write the variant's files, and the reference's own for the rest, into a folder."""
        changed = expected_names(assignment, self.files).values()
        others = [name for name in assignment.manifest.files.required if name not in changed]
        there = {reference_name(assignment, name): reference_path(assignment, name) for name in others}
        ours = {name: path.read_bytes() for name, path in there.items() if path.is_file()}
        for name, data in {**ours, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def auto_items(assignment: Assignment, files: Iterable[str] | None = None, *, training: bool = True) -> tuple[str, ...]:
    """Return the auto items of some files (of all without a choice), in the order of the rubric."""
    wanted = None if files is None else set(files)
    return tuple(
        item.id
        for item in assignment.manifest.items
        if item.is_auto and (wanted is None or item.file in wanted) and (training or not item.training)
    )


def reference(assignment: Assignment) -> Variant:
    """Return the reference, graded on everything."""
    return Variant(Role.REFERENCE, "reference", {}, auto_items(assignment))


def template(assignment: Assignment) -> Variant:
    """Return what students start from: it must earn nothing."""
    made = make_template(assignment).files
    files = {name: made[name] for name in assignment.manifest.files.required if name in made}
    return Variant(Role.TEMPLATE, "template", files, auto_items(assignment, files))


def alternatives(assignment: Assignment) -> list[Variant]:
    """Return the other correct solutions; each is graded on the items of the files that it has."""
    found = []
    for folder in sorted((assignment.folder / ALTERNATIVES).glob("*/")):
        if is_junk(folder.name):
            continue
        files = read_tree(folder)
        known = expected_names(assignment, files).values()
        if not known:
            raise UserError(f"{folder}: none of {', '.join(assignment.manifest.files.required)} is in it")
        found.append(Variant(Role.ALTERNATIVE, folder.name, files, auto_items(assignment, known)))
    return found


def mutants(assignment: Assignment, catalogue: Catalogue) -> tuple[list[Variant], list[Problem]]:
    """Return the mutants, each graded on all items that its file can reach, and those that do not fit.

    Training items cost minutes and are checked by baselines: a mutant is graded on one only if it belongs to it.
    """
    found, problems = [], []
    for mutant in catalogue.mutants:
        try:
            file, text = catalogue.source(mutant)
        except UserError as error:
            fix = "copy `old` anew from the reference, with enough of its surroundings to be there once"
            where = f"{CATALOGUE}: mutant {mutant.id!r}"
            what = str(error).removeprefix(f"{where}, ")
            problems.append(Problem(kind=ProblemKind.MISFIT, where=where, what=what, fix=fix))
            continue
        role = Role.EQUIVALENT if mutant.equivalent else Role.MUTANT
        reached = auto_items(assignment, reached_files(assignment, expected_names(assignment, [file])[file]))
        items = tuple(i for i in reached if i == mutant.item or not assignment.manifest.item(i).training)
        found.append(Variant(role, mutant.id, {file: text.encode()}, items, mutant.item, mutant))
    return found, problems


def reached_files(assignment: Assignment, file: str) -> set[str]:
    """Return a file and the files of the reference that import it, at whatever remove: nothing else can change."""
    imported = {name: imports_of(reference_path(assignment, name)) for name in assignment.manifest.files.required}
    reached = {file}
    while more := {n for n, names in imported.items() if n not in reached and names & {Path(r).stem for r in reached}}:
        reached |= more
    return reached


def without_item(assignment: Assignment, item: Item, text: bytes) -> bytes | None:
    """Return a file with the marked pieces of one item as stubs; None where that cannot be said."""
    assert item.file is not None
    place = Place(item.file)
    try:
        source = Source.parse(text.decode(), place)
        return strip_source(source, Rubric(assignment.manifest, item.file), only=item.id).text.encode()
    except (UserError, UnicodeDecodeError):
        return None


def imports_of(path: Path) -> frozenset[str]:
    """Return the names of the modules that a file imports."""
    return _imported_by(read_text(path)) if path.is_file() else frozenset()


@functools.lru_cache(maxsize=256)
def _imported_by(text: str) -> frozenset[str]:
    if (tree := parse_or_none(text)) is None:
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
            names |= {alias.name for alias in node.names} if node.level else set()
    return frozenset(names)
