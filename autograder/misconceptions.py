"""Misconceptions of a concept, and the same in the names of an assignment's reference, to be planted there."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from autograder.assignment import PROOFS_PACKAGE, Assignment, Flag, Table
from autograder.errors import UserError, did_you_mean
from autograder.source.parsing import SyntaxProblem, parse
from autograder.texts import read_toml

CATALOGUE = "misconceptions.toml"

_Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Names of mutants and misconceptions."""


class Misconception(Table):
    """One wrong implementation; ``body`` is that of the function, in the contract's names.

    A line ``...`` of the body stands for all that the reference has there. In texts, ``{logvar}`` is what an assignment
    calls the contract's ``logvar``. What has a ``part`` is planted only where that is asked for, and what is
    ``not_for`` a part nowhere that it is.
    """

    id: Id
    misconception: _Text
    hint: _Text
    body: _Text
    part: str = ""
    not_for: tuple[_Text, ...] = ()
    raises: Flag = False
    statistical: Flag = False

    @field_validator("body")
    @classmethod
    def _is_python(cls, body: str) -> str:
        if isinstance(problem := parse(body), SyntaxProblem):
            raise ValueError(f"line {problem.line} is no Python ({problem.text})")
        return body


class ConceptCatalogue(Table):
    """The misconceptions of a concept; ``names`` and ``words`` are those of an assignment that gives no other."""

    names: dict[str, str] = Field(default_factory=dict)
    words: dict[str, str] = Field(default_factory=dict)
    misconceptions: tuple[Misconception, ...]


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Planting(Table):
    """Where an assignment has a concept: a table ``[[concepts]]`` of its ``mutants.toml``.

    ``function`` is the qualified name in the item's file, of a function or of a variable that a module or a function
    assigns; ``names`` say what it calls the contract's inputs, as Python expressions (``self.mean``), and ``words``
    what hints call them where that is something else; mutants get ``prefix-misconception`` as their id.
    """

    concept: _Text
    item: _Text
    function: _Text
    prefix: Id
    part: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = ()
    """Which of the misconceptions that belong to a part of the concept, such as one of several tables; or a list."""
    names: dict[str, str] = Field(default_factory=dict)
    words: dict[str, _Text] = Field(default_factory=dict)
    without: dict[str, _Text] = Field(default_factory=dict)
    """Misconceptions that nobody can have here, each with the reason."""
    raises: tuple[str, ...] = ()
    """Misconceptions that show as an exception here."""


def planted(assignment: Assignment, planting: Planting, code: str, where: str) -> Iterator[tuple[str, Misconception]]:
    """Yield the lines of a reference that misconceptions of a concept replace, and each in the assignment's words.

    Raises `UserError` where the concept cannot be planted.
    """
    catalogue = read_misconceptions(assignment, planting.concept, where)
    everything = catalogue.misconceptions
    chosen = [one for one in everything if _belongs(one, planting.part)]
    known, used = {one.id for one in chosen}, {name for one in everything for name in _names(one)}
    parts = {part for one in everything for part in (one.part, *one.not_for)}
    asked = [("part", planting.part, parts), ("name", planting.names, used), ("name", planting.words, used)]
    asked += [("misconception", planting.without, known), ("misconception", planting.raises, known)]
    for kind, names, there in asked:
        for name in names:
            if name not in there:
                raise UserError(f"{where}: {planting.concept} has no {kind} {name!r}{did_you_mean(name, there)}")
    old, indentation, variable = _place(code, planting.function, where)
    names = {**catalogue.names, **planting.names}
    words = {**catalogue.words, **planting.names, **planting.words}
    for one in chosen:
        if one.id in planting.without:
            continue
        new = _renamed(one.body, names, where)
        lines = textwrap.indent(_assigning(new, variable) if variable else new, indentation).split("\n")
        body = "\n".join(old if line == f"{indentation}..." else line for line in lines)
        texts = {"misconception": _worded(one.misconception, words), "hint": _worded(one.hint, words)}
        kept = {"id": f"{planting.prefix}-{one.id}", "body": body, "raises": one.raises or one.id in planting.raises}
        yield old, one.model_copy(update={**kept, **texts})


def read_misconceptions(assignment: Assignment, concept: str, where: str) -> ConceptCatalogue:
    """Return the misconceptions of a concept; raise `UserError` for an unknown concept or a wrong file."""
    assert assignment.proofs is not None
    package = assignment.proofs / PROOFS_PACKAGE
    path = package / concept / CATALOGUE
    if not path.is_file():
        concepts = sorted(found.parent.name for found in package.glob(f"*/{CATALOGUE}"))
        raise UserError(f"{where}: no concept {concept!r} in {package}{did_you_mean(concept, concepts)}")
    try:
        found = ConceptCatalogue.model_validate(read_toml(path))
    except ValidationError as error:
        problem = error.errors()[0]
        raise UserError(f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    return found


def _belongs(one: Misconception, parts: Sequence[str]) -> bool:
    return one.part in ("", *parts) and not set(one.not_for) & set(parts)


def _names(one: Misconception) -> Iterator[str]:
    yield from (node.id for node in ast.walk(ast.parse(one.body)) if isinstance(node, ast.Name))
    yield from re.findall(r"\{(\w+)\}", one.misconception + one.hint)


def _worded(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: words.get(match[1], match[1]), text)


def _renamed(body: str, names: Mapping[str, str], where: str) -> str:
    """Return a body with the contract's names replaced by an assignment's expressions."""
    expressions = {}
    for name, text in names.items():
        try:
            expressions[name] = ast.parse(text, mode="eval").body
        except SyntaxError:
            raise UserError(f"{where}: names.{name} is no Python expression: {text!r}") from None

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return expressions.get(node.id, node)

    return ast.unparse(Rename().visit(ast.parse(body)))


def _assigning(body: str, variable: str) -> str:
    """Return a body that assigns to a variable what it returned."""
    tree = ast.parse(body)
    for index, node in enumerate(tree.body):
        if isinstance(node, ast.Return) and node.value is not None:
            target = ast.Name(variable, ast.Store())
            tree.body[index] = ast.fix_missing_locations(ast.Assign([target], node.value))
    return ast.unparse(tree)


def _place(code: str, function: str, where: str) -> tuple[str, str, str]:
    """Return the lines that a body replaces, their indentation, and the variable that they assign ("": no variable).

    They are a function's statements below its docstring, or the statement that assigns a variable.
    """
    node: ast.AST | SyntaxProblem = parse(code)
    if isinstance(node, SyntaxProblem):
        raise UserError(f"{where}: line {node.line} of the reference is no Python ({node.text})")
    for name in function.split("."):
        found = [one for one in getattr(node, "body", ()) if name in _bound(one)]
        if not found:
            raise UserError(f"{where}: the reference has no function or variable {function!r}")
        node = found[-1]
    if isinstance(node, ast.Assign):
        return _lines(code, [node]), " " * node.col_offset, function.rpartition(".")[2]
    if not isinstance(node, ast.FunctionDef):
        raise UserError(f"{where}: {function!r} is no function or variable of the reference")
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not statements or statements[0].lineno == node.lineno:
        raise UserError(f"{where}: {function!r} has no statements on lines of their own")
    return _lines(code, statements), " " * statements[0].col_offset, ""


def _bound(node: ast.AST) -> tuple[str, ...]:
    """The name that a statement defines, where it defines one."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return (node.targets[0].id,)
    return ()


def _lines(code: str, statements: Sequence[ast.stmt]) -> str:
    return "\n".join(code.split("\n")[statements[0].lineno - 1 : statements[-1].end_lineno])
