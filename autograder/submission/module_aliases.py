"""Aliases of modules, found without running anything: which expressions are a given module or come from it.

Bindings are collected scope by scope, whatever their order; a name stands for everything that is ever bound to it.
Only paths that matter for the banned modules are kept, so the work is bounded whatever the source.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path

from autograder.source.parsing import parse_or_none
from autograder.source.scopes import Scope

_REACHES = ("importlib.import_module", "sys.modules", "builtins.__import__", "builtins.getattr", "builtins.vars")
_MAX_NESTING = 40
_ROUNDS = 3
"""Chains of assignments (`a = b`, `b = c`) are followed this far against the order of the source."""


class Names:
    """Answers what the expressions of one source stand for, as far as the banned modules matter."""

    def __init__(self, banned: Iterable[str]) -> None:
        self._banned = tuple(banned)
        self._attributes: dict[str, set[str]] = {}
        self.star_names: set[str] = set()
        """Names that ``from banned import *`` binds."""

    def kept(self, path: str) -> set[str]:
        """Return the path if it leads to a banned module, the module itself if it is within, else nothing."""
        for module in self._banned:
            if path == module or path.startswith(f"{module}."):
                return {module}
        targets = (*self._banned, *_REACHES)
        return {path} if any(target == path or target.startswith(f"{path}.") for target in targets) else set()

    def banned(self, node: ast.AST, scope: Scope) -> set[str]:
        """Return the banned modules that the expression is or comes from."""
        if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            return self.paths(node, scope).intersection(self._banned)
        return set()

    def bind_import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> set[str]:
        """Bind what the statement imports; return the banned modules among it."""
        found: set[str] = set()
        for alias in node.names:
            if isinstance(node, ast.Import):
                path = alias.name
                bound = path if alias.asname else path.partition(".")[0]
            else:
                path = bound = f"{node.module or ''}.{alias.name}" if not node.level else ""
            name = alias.asname or (bound if isinstance(node, ast.Import) else alias.name)
            scope.bind(name, self.kept(bound))
            if name == "*" and self.kept(path).intersection(self._banned):
                self.star_names |= public_names(path.removesuffix(".*"))
            found |= self.kept(path).intersection(self._banned)
        return found

    def bind_values(self, values: list[tuple[Scope, ast.expr, ast.expr, Scope]]) -> None:
        """Bind targets to what their values stand for: (scope of target, target, value, scope of value)."""
        for _ in range(_ROUNDS):
            values = [value for value in values if not self._bind_value(*value)]

    def _bind_value(self, scope: Scope, target: ast.expr, value: ast.expr, where: Scope) -> bool:
        """Bind one target; return whether it stands for anything, so that it need not be looked at again."""
        paths = self.paths(value, where)
        if isinstance(target, ast.Name):
            scope.bind(target.id, paths)
        if isinstance(target, ast.Attribute) or scope.is_class:
            name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            self._attributes.setdefault(name, set()).update(paths)
        return bool(paths)

    def paths(self, node: ast.expr, scope: Scope, nesting: int = 0) -> set[str]:
        """Return the dotted paths that matter of what the expression may stand for."""
        if nesting > _MAX_NESTING:
            return set()
        match node:
            case ast.Name(id=name):
                return self._of_name(name, scope)
            case ast.Attribute(value=value, attr=attr):
                return self._members(value, attr, scope, nesting) | self._of_attribute(value, attr)
            case ast.Call():
                return self._of_call(node, self.paths(node.func, scope, nesting + 1), scope, nesting)
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
                return self._of_item(value, key, scope, nesting)
            case ast.NamedExpr(value=value):
                return self.paths(value, scope, nesting + 1)
            case ast.IfExp(body=one, orelse=two):
                return self.paths(one, scope, nesting + 1) | self.paths(two, scope, nesting + 1)
        return set()

    def _members(self, value: ast.expr, attr: str, scope: Scope, nesting: int) -> set[str]:
        found = set()
        for path in self.paths(value, scope, nesting + 1):
            found |= self.kept(f"{path}.{attr}")
        return found

    def _of_name(self, name: str, scope: Scope) -> set[str]:
        found = scope.find(name)
        if found is not None:
            return found.names[name]
        if name in self.star_names:
            return set(self._banned)
        return self.kept(f"builtins.{name}") if hasattr(builtins, name) else set()

    def _of_attribute(self, value: ast.expr, attr: str) -> set[str]:
        own = isinstance(value, ast.Name) and value.id in ("self", "cls")
        return self._attributes.get(attr, set()) if own else set()

    def _of_call(self, call: ast.Call, functions: set[str], scope: Scope, nesting: int) -> set[str]:
        texts = [_text(argument) for argument in call.args]
        if "builtins.getattr" in functions and len(texts) > 1 and texts[1]:
            return self._members(call.args[0], texts[1], scope, nesting)
        if functions & {"importlib.import_module", "builtins.__import__"} and texts and texts[0]:
            package = texts[1] if texts[0].startswith(".") and len(texts) > 1 and texts[1] else ""
            return self.kept(package + texts[0])
        # what a member of a banned module returns, such as a distribution, comes from that module
        return functions.intersection(self._banned)

    def _of_item(self, value: ast.expr, key: str, scope: Scope, nesting: int) -> set[str]:
        match value:
            case ast.Attribute(value=owner, attr="__dict__"):
                return self._members(owner, key, scope, nesting)
            case ast.Call(func=function, args=arguments):
                # once: with each link of a chain of items, a second time would double the work
                functions = self.paths(function, scope, nesting + 1)
                if "builtins.vars" in functions and len(arguments) == 1:
                    return self._members(arguments[0], key, scope, nesting)
                found = self._of_call(value, functions, scope, nesting + 1)
            case _:
                found = self.paths(value, scope, nesting + 1)
        return self.kept(key) if "sys.modules" in found else set()


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def public_names(module: str) -> set[str]:
    """Return what ``from module import *`` binds, read from the module's file: nothing is imported to find out."""
    folders, spec = None, None
    for part in module.split("."):
        spec = PathFinder.find_spec(part, folders)
        folders = spec.submodule_search_locations if spec else []
    if spec is None or not (spec.origin or "").endswith(".py"):
        return set()
    tree = parse_or_none(Path(str(spec.origin)).read_text(encoding="utf-8"))
    if tree is None:
        return set()
    public: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names) | ast.Tuple(elts=names)):
                return {_text(name) for name in names}
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                public.add(name)
    return {name for name in public if not name.startswith("_")}
