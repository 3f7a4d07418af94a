"""The names that Python code binds and reads, scope by scope, from the syntax tree; walks take linear time.

Statements of a function run when it is called, those of a class with the statements around it.
"""

from __future__ import annotations

import ast
import itertools
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Import = ast.Import | ast.ImportFrom
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_SIGNS = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
"""What has no parts and no names."""
_BINDING = (ast.Name, *typing.get_args(Definition), *typing.get_args(Import), ast.ExceptHandler, ast.pattern)


@dataclass
class Scope:
    """The names bound in a module, class, function, lambda or comprehension, each with what it may stand for."""

    parent: Scope | None = None
    is_class: bool = False
    is_comprehension: bool = False
    names: dict[str, set[str]] = field(default_factory=dict)
    outside: dict[str, bool] = field(default_factory=dict)
    """Names declared ``global`` (True) or ``nonlocal`` (False)."""

    def declare(self, node: ast.Global | ast.Nonlocal) -> None:
        """Look for some names in the module, or in the functions around."""
        self.outside |= dict.fromkeys(node.names, isinstance(node, ast.Global))

    def bind(self, name: str, meanings: Iterable[str] = ()) -> None:
        """Add what a name stands for; no meanings: something that does not matter."""
        self._owner(name).names.setdefault(name, set()).update(meanings)

    def find(self, name: str) -> Scope | None:
        """Return the scope that binds a name which is read here, None where none does.

        Methods do not see their class's names.
        """
        for scope in self.chain():
            if name in scope.outside:
                owner = scope._owner(name)
                return owner if name in owner.names else None
            if name in scope.names and (scope is self or not scope.is_class):
                return scope
        return None

    def chain(self) -> Iterator[Scope]:
        """Yield the scope and those around it, the module last."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def _owner(self, name: str) -> Scope:
        """The scope in which an assignment to a name binds it."""
        if name not in self.outside:
            return self
        *around, module = self.chain()
        functions = [scope for scope in around[1:] if not scope.is_class]
        if self.outside[name] or not functions:
            return module
        return next((scope for scope in functions if name in scope.names), functions[0])


def imported_as(alias: ast.alias) -> str:
    """Return the name that an import binds, ``*`` for all of them."""
    return alias.asname or alias.name.partition(".")[0]


def imported_names(tree: ast.AST) -> frozenset[str]:
    """Return the names that imports bind, wherever they are."""
    return frozenset(imported_as(alias) for node in ast.walk(tree) if isinstance(node, Import) for alias in node.names)


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function: those for one argument each first, in their order."""
    several = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several]


def outer_parts(node: Function | ast.ClassDef, *, annotations: bool = True) -> Iterator[ast.AST]:
    """Yield what a definition evaluates where it stands: decorators, defaults, bases, annotations."""
    yield from getattr(node, "decorator_list", [])
    if isinstance(node, ast.ClassDef):
        yield from (*node.bases, *node.keywords)
        return
    yield from (default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None)
    if annotations:
        yield from (one.annotation for one in parameters(node.args) if one.annotation is not None)
        yield from [returns] if (returns := getattr(node, "returns", None)) is not None else []


def own_nodes(statements: Iterable[ast.AST], *, annotations: bool = True) -> Iterator[ast.AST]:
    """Yield the nodes that running the statements runs: bodies of functions are left out, bodies of classes are not."""
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Function):
            waiting += outer_parts(node, annotations=annotations)
        else:
            waiting += _children(node, annotations)


def stored_names(statement: ast.stmt) -> set[str]:
    """Return the names that a top-level statement binds, those of classes and comprehensions in it included."""
    return {name for node in own_nodes([statement]) for name in bound_by(node)}


def loaded_names(statement: ast.stmt, *, annotations: bool = True) -> set[str]:
    """Return the names that running a top-level statement reads."""
    nodes = own_nodes([statement], annotations=annotations)
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def global_names(statement: ast.stmt, *, annotations: bool = True) -> set[str]:
    """Return the global names that the functions, classes and comprehensions in a statement read."""
    module = Scope()
    reads: dict[int, set[str]] = {}
    inner: dict[int, list[Scope]] = {id(module): []}
    waiting: list[tuple[ast.AST, Scope]] = [(statement, module)]
    while waiting:
        node, scope = waiting.pop()
        if id(scope) not in inner:
            assert scope.parent is not None
            inner[id(scope)] = []
            inner[id(scope.parent)].append(scope)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            reads.setdefault(id(scope), set()).add(node.id)
            continue
        if isinstance(node, ast.Global | ast.Nonlocal):
            scope.declare(node)
        for name in bound_by(node):
            scope.bind(name)
        waiting += _children_in_scopes(node, scope, annotations)
    return {name for scope in inner[id(module)] for name in _read_outside(scope, reads, inner)}


def _read_outside(outermost: Scope, reads: Mapping[int, set[str]], inner: Mapping[int, list[Scope]]) -> Iterator[str]:
    """Yield what a scope and those in it read and do not bind: for each name, one look at the scopes around."""
    around: dict[str, list[bool]] = {}
    """For each name, whether the scopes around, from the outermost, declare it global or bind it."""
    waiting = [(outermost, True)]
    while waiting:
        scope, entered = waiting.pop()
        own = {
            **dict.fromkeys(scope.names, False),
            **{name: True for name, is_global in scope.outside.items() if is_global},
        }
        shown = {} if scope.is_class else own
        if not entered:
            for name in shown:
                around[name].pop()
            continue
        for name in reads.get(id(scope), ()):
            if own.get(name, (around.get(name) or [True])[-1]):
                yield name
        for name, is_global in shown.items():
            around.setdefault(name, []).append(is_global)
        waiting.append((scope, False))
        waiting += [(one, True) for one in inner[id(scope)]]


def bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node itself binds where it stands; ``*`` for all of a module."""
    if not isinstance(node, _BINDING):
        return
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from map(imported_as, aliases)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _children_in_scopes(node: ast.AST, scope: Scope, annotations: bool) -> Iterator[tuple[ast.AST, Scope]]:
    """Yield what is directly in a node, each with the scope that its names are looked up in."""
    if isinstance(node, Function | ast.ClassDef):
        inner = Scope(scope, is_class=isinstance(node, ast.ClassDef))
        for bound in () if isinstance(node, ast.ClassDef) else parameters(node.args):
            inner.bind(bound.arg)
        yield from ((part, scope) for part in outer_parts(node, annotations=annotations))
        yield from ((part, inner) for part in ([node.body] if isinstance(node, ast.Lambda) else node.body))
    elif isinstance(node, _Comprehension):
        inner, first = Scope(scope, is_comprehension=True), node.generators[0].iter
        yield first, scope
        for child in ast.iter_child_nodes(node):
            parts = ast.iter_child_nodes(child) if isinstance(child, ast.comprehension) else [child]
            yield from ((part, inner) for part in parts if part is not first)
    elif isinstance(node, ast.NamedExpr):
        yield node.value, scope
        yield node.target, next(one for one in scope.chain() if not one.is_comprehension)
    else:
        yield from ((child, scope) for child in _children(node, annotations))


def _children(node: ast.AST, annotations: bool) -> Iterator[ast.AST]:
    unread = None if annotations else getattr(node, "annotation", None)
    for child in ast.iter_child_nodes(node):
        if child is not unread and not isinstance(child, _SIGNS):
            yield child


def bound_names(statements: Iterable[ast.stmt]) -> tuple[str, ...]:
    """Return every name that the statements bind in their own scope, in order of first binding."""
    return tuple(dict.fromkeys(name for statement in statements for name in _bound(statement)))


def assigned_names(statements: Iterable[ast.stmt]) -> tuple[str, ...]:
    """Return the names bound by assignments: not by ``def``, ``class``, ``import``, ``for`` and ``with``."""
    assignments = (node for statement in statements for node in same_scope(statement) if _is_assignment(node))
    return tuple(dict.fromkeys(name for node in assignments for name in _bound_here(node)))


def used_names(tree: ast.Module, left_out: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that the tree reads outside of the statements that are left out."""
    out, names = set(map(id, left_out)), set[str]()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if id(node) not in out:
            names |= {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else set()
            waiting += ast.iter_child_nodes(node)
    return frozenset(names)


def block_lists(statement: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement: its body, ``else``, handlers and cases."""
    for block in ("body", "orelse", "finalbody"):
        if found := getattr(statement, block, None):
            yield found
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def ids_of_filled_blocks(tree: ast.Module, left_out: Iterable[ast.stmt]) -> frozenset[int]:
    """Return the ids of the statements whose block is not empty without those that are left out."""
    out = set(map(id, left_out))
    filled = (block for block in _blocks(tree) if any(id(statement) not in out for statement in block))
    return frozenset(id(statement) for block in filled for statement in block)


def stored_targets(target: ast.expr) -> Iterator[ast.expr]:
    """Yield the names and attributes that an assignment to the target binds."""
    waiting = [target]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                waiting += elements
            case ast.Starred(value=value):
                waiting.append(value)
            case ast.Name() | ast.Attribute():
                yield node


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for block in block_lists(node):
        yield block
        for statement in block:
            yield from _blocks(statement)


def _bound(statement: ast.stmt) -> Iterator[str]:
    for node in same_scope(statement):
        yield from _bound_here(node)


def same_scope(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement and those in its blocks, but nothing of a function or a class."""
    yield statement
    if not isinstance(statement, Definition):
        for inner in itertools.chain(*block_lists(statement)):
            yield from same_scope(inner)


def _is_assignment(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Assign, ast.AugAssign)) or (isinstance(node, ast.AnnAssign) and node.value is not None)


def _bound_here(node: ast.stmt) -> Iterator[str]:
    yield from (name for name in bound_by(node) if name != "*")
    targets: list[ast.expr] = []
    match node:
        case ast.Assign(targets=several):
            targets = several
        case ast.AugAssign(target=target) | ast.For(target=target) | ast.AsyncFor(target=target):
            targets = [target]
        case ast.AnnAssign(target=target, value=ast.expr()):
            targets = [target]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            targets = [item.optional_vars for item in items if item.optional_vars is not None]
    for target in targets:
        yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
