"""The rule on banned modules: used inside an item's blank they cost that item; elsewhere they are only reported."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autograder.assignment import Manifest
from autograder.source.lines import quoted
from autograder.source.parsing import ParsedSource
from autograder.source.scopes import Function, Import, Scope, bound_by, outer_parts, parameters, stored_targets
from autograder.submission.file_reading import ReadSource
from autograder.submission.model import SubmittedFile
from autograder.submission.module_aliases import Names
from autograder.submission.notices import Notices, Topic

_Definition = Function | ast.ClassDef


class Use(NamedTuple):
    """A banned module in use; ``items`` are those whose blank it is in."""

    module: str
    line: int
    items: frozenset[str]


def check_file(read: ReadSource, manifest: Manifest, notices: Notices) -> dict[str, str]:
    """Return item id -> message for each item of the file with a banned module inside one of its blanks."""
    blanks: dict[str, frozenset[str]] = {}
    for item in manifest.items:
        for blank in item.blanks if item.file == read.file.name else ():
            blanks[blank] = blanks.get(blank, frozenset()) | {item.id}
    uses = find_uses(read.tree, read.file.source, manifest.rules.banned_imports, blanks)
    _report_elsewhere(read.file, uses, notices)
    violations: dict[str, str] = {}
    for use in uses:
        for item_id in use.items:
            if item_id not in violations:
                violations[item_id] = _message(read.file, use)
    return violations


def report_in_helper(path: str, helper: ParsedSource, banned: Sequence[str], notices: Notices) -> None:
    """Say whether a helper module uses a banned module; that costs nothing."""
    uses = find_uses(helper.tree, helper.text, banned, {})
    _report_elsewhere(SubmittedFile(path, path, helper.text), uses, notices)


def _message(file: SubmittedFile, use: Use) -> str:
    line = quoted(file.source.split("\n")[use.line - 1])
    return (
        f"{use.module} may not be used in this item, but is in {file.found}, {file.where(use.line)}: {line}. "
        "Write it with basic operations instead."
    )


def _report_elsewhere(file: SubmittedFile, uses: list[Use], notices: Notices) -> None:
    for module in sorted({use.module for use in uses if not use.items}):
        lines = sorted({use.line for use in uses if use.module == module and not use.items})
        shown = ", ".join(file.where(line) for line in lines[:3]) + (", …" if len(lines) > 3 else "")
        text = f"{module} is used outside the graded parts ({shown}): this costs nothing"
        notices.add(Topic.RULES, file.notice(text))


def _may_use(source: str, banned: Sequence[str]) -> bool:
    """Say whether a banned module's name occurs at all; Python reads identifiers in NFKC form."""
    text = source if source.isascii() else unicodedata.normalize("NFKC", source)
    return any(module.rpartition(".")[2] in text for module in banned)


def find_uses(
    tree: ast.Module | None, source: str, banned: Sequence[str], blanks: Mapping[str, frozenset[str]]
) -> list[Use]:
    """Return every use and import of the banned modules in order of lines; ``blanks``: qualified name -> items."""
    if tree is None or not _may_use(source, banned):
        return []
    survey = _Survey(Names(banned), {**blanks, **_renamed(tree, blanks)})
    survey.read(tree)
    return sorted(set(survey.uses()), key=lambda use: (use.line, use.module))


def _renamed(tree: ast.Module, blanks: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return the functions that are blanks under another name, as after ``Class.kl = _kl``."""
    found: dict[str, frozenset[str]] = {}
    bodies = [("", tree.body), *((f"{c.name}.", c.body) for c in tree.body if isinstance(c, ast.ClassDef))]
    for prefix, body in bodies:
        for node in body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                for target in node.targets:
                    if items := blanks.get(prefix + _dotted(target)):
                        found[node.value.id] = found.get(node.value.id, blanks.get(node.value.id, frozenset())) | items
    return found


class _Place(NamedTuple):
    """Where a node stands: the scope that its names are looked up in, its qualified prefix, the blanks around it."""

    scope: Scope
    prefix: str
    items: frozenset[str]


class _Survey:
    """One walk over a syntax tree, without recursion: binds every name, and remembers what could be a use."""

    def __init__(self, names: Names, blanks: Mapping[str, frozenset[str]]) -> None:
        self._names = names
        self._blanks = blanks
        self._imports: list[Use] = []
        self._expressions: list[tuple[ast.expr, _Place]] = []
        self._values: list[tuple[Scope, ast.expr, ast.expr, Scope]] = []

    def read(self, tree: ast.Module) -> None:
        """Walk the tree in the order of the source."""
        waiting: list[tuple[ast.AST, _Place]] = [(tree, _Place(Scope(), "", frozenset()))]
        while waiting:
            node, place = waiting.pop()
            waiting += reversed(list(self._visit(node, place)))
        self._names.bind_values(self._values)

    def uses(self) -> Iterator[Use]:
        """Yield what was found, once everything is bound."""
        yield from self._imports
        for node, place in self._expressions:
            for module in self._names.banned(node, place.scope):
                yield Use(module, node.lineno, place.items)

    def _visit(self, node: ast.AST, place: _Place) -> Iterator[tuple[ast.AST, _Place]]:
        if isinstance(node, _Definition):
            yield from self._definition(node, place)
            return
        if isinstance(node, Import):
            for module in self._names.bind_import(node, place.scope):
                self._imports.append(Use(module, node.lineno, place.items))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            place = self._assignment(node, place)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            place.scope.declare(node)
        elif bound := list(bound_by(node)):
            for name in bound:
                place.scope.bind(name)
        elif isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            self._expressions.append((node, place))
        unused = getattr(node, "annotation", None)  # an annotation computes nothing
        yield from ((child, place) for child in ast.iter_child_nodes(node) if child is not unused)

    def _definition(self, node: _Definition, place: _Place) -> Iterator[tuple[ast.AST, _Place]]:
        name = "" if isinstance(node, ast.Lambda) else node.name
        qualified = place.prefix + name
        place = place._replace(items=place.items | self._blanks.get(qualified, frozenset()))
        inner = _Place(Scope(place.scope, is_class=isinstance(node, ast.ClassDef)), f"{qualified}.", place.items)
        if name:
            place.scope.bind(name)
        if not isinstance(node, ast.ClassDef):
            self._bind_parameters(node.args, inner.scope, place.scope)
        yield from ((child, place) for child in outer_parts(node, annotations=False))
        yield from ((child, inner) for child in ([node.body] if isinstance(node, ast.Lambda) else node.body))

    def _bind_parameters(self, arguments: ast.arguments, inner: Scope, outer: Scope) -> None:
        """Bind the parameters, with what their defaults stand for."""
        for parameter in parameters(arguments):
            inner.bind(parameter.arg)
        positional = [*arguments.posonlyargs, *arguments.args]
        count = len(arguments.defaults)
        pairs = [*zip(positional[len(positional) - count :], arguments.defaults, strict=True)]
        pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
        self._values += [(inner, ast.Name(argument.arg), default, outer) for argument, default in pairs]

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr, place: _Place) -> _Place:
        """Remember what the targets stand for; return the place of the value, which may be a blank itself."""
        items = place.items
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for stored in stored_targets(target):
                items |= self._blanks.get(place.prefix + _dotted(stored), frozenset())
            self._values += [(place.scope, one, value, place.scope) for one, value in _paired(target, node.value)]
        return place._replace(items=items)


def _paired(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[ast.expr, ast.expr]]:
    match target, value:
        case (ast.Tuple(elts=targets), ast.Tuple(elts=values)) if len(targets) == len(values):
            yield from zip(targets, values, strict=True)
        case (ast.Name() | ast.Attribute(), ast.expr()):
            yield target, value


def _dotted(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            return f"{owner}.{attr}"
    return ""
