"""The names that statements bind and use, as far as stubs need to know."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def bound_names(statements: Iterable[ast.stmt]) -> tuple[str, ...]:
    """Return every name that the statements bind in their own scope, in order of first binding."""
    return tuple(dict.fromkeys(name for statement in statements for name in _bound(statement)))


def assigned_names(statements: Iterable[ast.stmt]) -> tuple[str, ...]:
    """Return the names bound by assignments: not by ``def``, ``class``, ``import``, ``for`` and ``with``."""
    assignments = (node for statement in statements for node in _same_scope(statement) if _is_assignment(node))
    return tuple(dict.fromkeys(name for node in assignments for name in _bound_here(node)))


def used_names(tree: ast.Module, left_out: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that the tree reads outside of the statements that are left out."""
    out = set(map(id, left_out))
    return frozenset(_read(tree, out))


def ids_of_filled_blocks(tree: ast.Module, left_out: Iterable[ast.stmt]) -> frozenset[int]:
    """Return the ids of the statements whose block is not empty without those that are left out."""
    out = set(map(id, left_out))
    filled = (block for block in _blocks(tree) if any(id(statement) not in out for statement in block))
    return frozenset(id(statement) for block in filled for statement in block)


def block_lists(statement: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement: its body, ``else``, handlers and cases."""
    for field in ("body", "orelse", "finalbody"):
        if block := getattr(statement, field, None):
            yield block
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for block in block_lists(node):
        yield block
        for statement in block:
            yield from _blocks(statement)


def _bound(statement: ast.stmt) -> Iterator[str]:
    for node in _same_scope(statement):
        yield from _bound_here(node)


def _same_scope(statement: ast.stmt) -> Iterator[ast.stmt]:
    yield statement
    if not isinstance(statement, _DEFINITION):
        for block in block_lists(statement):
            for inner in block:
                yield from _same_scope(inner)


def _is_assignment(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Assign, ast.AugAssign)) or (isinstance(node, ast.AnnAssign) and node.value is not None)


def _bound_here(node: ast.stmt) -> Iterator[str]:
    targets: list[ast.expr] = []
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases if alias.name != "*")
        case ast.Assign(targets=several):
            targets = several
        case ast.AugAssign(target=target) | ast.For(target=target) | ast.AsyncFor(target=target):
            targets = [target]
        case ast.AnnAssign(target=target, value=ast.expr()):
            targets = [target]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            targets = [item.optional_vars for item in items if item.optional_vars is not None]
    for target in targets:
        yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name) and _stores(name))


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _read(node: ast.AST, left_out: set[int]) -> Iterator[str]:
    if id(node) in left_out:
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _read(child, left_out)
