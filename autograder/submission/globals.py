"""Which global names a statement binds and reads, and which only the functions in it read when they are called."""

from __future__ import annotations

import ast
import copy
import symtable
from collections.abc import Iterable, Iterator

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def own_nodes(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that running the statements runs: bodies of functions are left out, bodies of classes are not."""
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _Scope):
            waiting += [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
            waiting += getattr(node, "decorator_list", [])
            waiting += [argument.annotation for argument in _arguments(node.args) if argument.annotation is not None]
            waiting += [returned] if (returned := getattr(node, "returns", None)) is not None else []
        else:
            waiting += ast.iter_child_nodes(node)


def stored_names(statement: ast.stmt) -> set[str]:
    """Return the names that a top-level statement binds."""
    names: set[str] = set()
    for node in own_nodes([statement]):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def loaded_names(statement: ast.stmt) -> set[str]:
    """Return the names that running a top-level statement reads."""
    return {n.id for n in own_nodes([statement]) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


class _Bare(ast.NodeTransformer):
    """Takes annotations away."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.copy_location(ast.Constant(None), node.annotation)
        return super().generic_visit(node)


def without_annotations(statement: ast.stmt) -> ast.stmt:
    """Return a copy of a statement that reads no annotation."""
    bare = _Bare().visit(copy.deepcopy(statement))
    assert isinstance(bare, ast.stmt)
    return bare


def global_names(statement: ast.stmt) -> set[str]:
    """Return the global names that the functions in a statement read when they are called."""
    try:
        table = symtable.symtable(ast.unparse(statement), "statement", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return {name for child in table.get_children() for name in _globals_of(child)}


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (one for one in (arguments.vararg, arguments.kwarg) if one is not None)


def _globals_of(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_global() and symbol.is_referenced():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals_of(child)
