"""The declarations of an assignment's checks, read from their syntax trees: a build finds what would stop grading.

Nothing is imported: a build needs no torch. Where a declaration is computed, nothing is said about it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import autograder.concepts
from autograder.assignment import MANIFEST, PROOFS_PACKAGE, SUBMITTABLE, Assignment, other_version
from autograder.errors import UserError, did_you_mean
from autograder.release.files import Tree, read_tree
from autograder.source.lines import Place
from autograder.source.parsing import parse_python
from autograder.source.scopes import bound_by
from autograder.texts import decode, read_text

CONCEPTS = "autograder.concepts."
_MAX_WEIGHT = 1e6


@dataclass(frozen=True)
class _Check:
    """A test function: whether it is decorated at all, and its item where that is written out."""

    where: str
    name: str
    is_decorated: bool
    item: str | None


def refuse_wrong_checks(assignment: Assignment) -> None:
    """Raise `UserError` for a check that cannot be graded, or an auto item that no check belongs to.

    While no check declares its item yet, only what can be said of each file by itself is said.
    """
    _refuse_probes(assignment)
    checks: list[_Check] = []
    applied: set[str] = set()
    is_complete = True
    for folder in (assignment.public_checks, assignment.hidden_checks):
        prefix = folder.relative_to(assignment.folder.parents[1]).as_posix() + "/"
        for name, tree in _trees(read_tree(folder, prefix=prefix)):
            applied |= _applied_concepts(assignment, name, tree)
            if name.endswith("stand_ins.py") and not _binds(tree, "STAND_INS"):
                raise UserError(f"{name}: defines no STAND_INS; write STAND_INS = {{...}}, or remove the file")
            if PurePosixPath(name).name.startswith("test_"):
                checks += _checks(assignment, name, tree)
                is_complete &= not _makes_tests_otherwise(tree)
    if unused := [concept for concept in assignment.manifest.concepts if concept not in applied]:
        raise UserError(
            f"{assignment.folder / MANIFEST}: concepts.{unused[0]} is applied by no check; remove it"
            f"{did_you_mean(unused[0], sorted(applied))}"
        )
    if any(check.item for check in checks):
        _refuse_missing(assignment, checks, is_complete)


def _refuse_probes(assignment: Assignment) -> None:
    files = assignment.manifest.files
    stems = {
        PurePosixPath(name).stem: name for name in (*files.required, *files.provided) if name.endswith(SUBMITTABLE)
    }
    for probe in assignment.probes:
        if probe.stem in stems:
            raise UserError(f"{probe}: would be the same module as {stems[probe.stem]}; rename one")


def _trees(files: Tree) -> Iterator[tuple[str, ast.Module]]:
    for name, data in files.items():
        if name.endswith(".py"):
            yield name, parse_python(decode(data, name), Place(name))


def _checks(assignment: Assignment, name: str, tree: ast.Module) -> Iterator[_Check]:
    seen: set[str] = set()
    declaring = {"item", *_contracts(tree)}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
            continue
        where = Place(name).line(node.lineno)
        if node.name in seen:
            raise UserError(f"{where}: a second {node.name}() takes the place of the first, which is never run")
        seen.add(node.name)
        calls = [decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
        for call in calls:
            _refuse_numbers(call, where)
        item = next((_text(call.args[0]) for call in calls if _name(call) in declaring and call.args), None)
        known = [entry.id for entry in assignment.manifest.items if entry.is_auto]
        if item is not None and item not in known:
            raise UserError(f"{where}: no auto item {item!r}{did_you_mean(item, known)}")
        yield _Check(where, node.name, bool(node.decorator_list), item)


def _contracts(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the contracts that a file imports: what they decorate is a check for each property."""
    yield from (alias.asname or alias.name for node in _of_concepts(tree) for alias in node.names)


def _of_concepts(tree: ast.Module) -> Iterator[ast.ImportFrom]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(CONCEPTS):
            yield node


def _applied_concepts(assignment: Assignment, name: str, tree: ast.Module) -> set[str]:
    """Return the concepts that a file applies.

    Raises `UserError` for one whose hidden half is not there or whose version the manifest does not name: grading would
    stumble on it.
    """
    found = set()
    for node in _of_concepts(tree):
        concept = (node.module or "").removeprefix(CONCEPTS)
        path = (assignment.proofs or assignment.folder) / PROOFS_PACKAGE / concept / "properties.py"
        if not path.is_file():
            where = Place(name).line(node.lineno)
            raise UserError(f"{where}: the hidden half of {node.module} is missing; {path} must be there")
        version, named = _version(concept), assignment.manifest.concepts.get(concept)
        if version is not None and version != named:
            raise UserError(f"{Place(name).line(node.lineno)}: {other_version(concept, version, named)}")
        found.add(concept)
    return found


def _version(concept: str) -> int | None:
    """Return the version that a concept's module gives its contract, None where that is computed."""
    path = Path(autograder.concepts.__path__[0]) / concept / "__init__.py"
    for node in ast.walk(parse_python(read_text(path), Place(str(path)))) if path.is_file() else ():
        if isinstance(node, ast.Call) and _name(node) == "Contract":
            values = [keyword.value for keyword in node.keywords if keyword.arg == "version"]
            return next((v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, int)), None)
    return None


def _refuse_numbers(call: ast.Call, where: str) -> None:
    for keyword in call.keywords:
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if (_name(call), keyword.arg) == ("item", "weight") and not (is_number and 0 < value <= _MAX_WEIGHT):
            raise UserError(f"{where}: weight must be a number above 0 and not above {_MAX_WEIGHT:g}, not {value!r}")
        if (_name(call), keyword.arg) == ("given", "examples") and not (type(value) is int and value > 0):
            raise UserError(f"{where}: examples must be a number from 1, not {value!r}")


def _refuse_missing(assignment: Assignment, checks: list[_Check], is_complete: bool) -> None:
    for check in checks:
        if not check.is_decorated:
            raise UserError(f'{check.where}: {check.name}() belongs to no item; write @item("...") above it')
    if not is_complete or not all(check.item for check in checks):
        return
    have = {check.item for check in checks}
    for entry in assignment.manifest.items:
        if entry.is_auto and entry.id not in have:
            raise UserError(
                f"{assignment.folder / MANIFEST}: no check belongs to the auto item {entry.id!r}; "
                f'write one (@item("{entry.id}") in checks/), or let people grade it (kind = "manual")'
            )


def _makes_tests_otherwise(tree: ast.Module) -> bool:
    """Whether names of tests are bound by anything but a ``def`` at the top: which items they have is not said here."""
    made = [node for node in ast.walk(tree) if not isinstance(node, ast.FunctionDef)]
    return any(name.startswith(("test", "Test", "*")) for node in made for name in bound_by(node)) or any(
        isinstance(node, ast.Call) and _name(node) in ("globals", "setattr", "exec") for node in made
    )


def _binds(tree: ast.Module, name: str) -> bool:
    return any(bound in (name, "*") for node in ast.walk(tree) for bound in bound_by(node))


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
