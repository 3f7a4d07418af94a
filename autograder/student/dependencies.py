"""Which items a change concerns: what each item's checks may reach, by names, in what a student has written.

Whatever binds a name, a function, a method, a class, an assignment of a module, is one *part*. A part mentions names:
those that it reads, attributes, and strings that are names. It reaches every part that binds one of them, in whichever
class of whichever module that comes into play. That is more than is ever called, so a part that an item does not reach
cannot change what its checks see, unless code comes to names that are nowhere in it: an item that reaches such code
reaches everything.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeGuard

from autograder.source.parsing import parse_or_none
from autograder.source.scopes import (
    bound_names,
    global_names,
    loaded_names,
    parameters,
    same_scope,
    stored_targets,
)

DYNAMIC = frozenset(
    {"__dict__", "__getattribute__", "__globals__", "__import__", "__subclasses__", "attrgetter", "dir", "eval", "exec"}
    | {"getmembers", "globals", "import_module", "locals", "methodcaller", "vars"}
)
"""Names with which code comes to names that are nowhere in it; see also `_is_dynamic`."""
HARMLESS_ATTRIBUTES = frozenset({"dir", "eval", "exec"})
"""Those that are methods of other things, such as of a network."""
BY_STRING = frozenset({"delattr", "getattr", "hasattr", "setattr"})
"""Those that do so unless the name is written out."""
OWN_BASES = frozenset({"", "Module", "ABC", "NamedTuple", "Protocol", "object"})
"""Base classes that call no method of those who inherit from them but those in `IMPLICIT`."""
IMPLICIT = frozenset(
    {"apply", "buffers", "children", "eval", "extra_repr", "forward", "get_extra_state", "half", "load_state_dict"}
    | {"modules", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters"}
    | {"register_buffer", "register_module", "register_parameter", "requires_grad_", "reset_parameters"}
    | {"set_extra_state", "state_dict", "to", "train", "zero_grad", "_apply", "_load_from_state_dict"}
    | {"_save_to_state_dict"}
)
"""Methods that a network's own base class calls, beside those with two underscores on each side."""
MUTATORS = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault"}
    | {"sort", "update", "write"}
)
BUILDERS = frozenset(
    {"abs", "bool", "bytes", "complex", "dict", "enumerate", "float", "frozenset", "int", "len", "list", "max", "min"}
    | {"pow", "range", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip"}
)
"""Functions that change nothing but what they are given."""
PLAIN_DECORATORS = frozenset(
    {"abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "dataclass", "enable_grad"}
    | {"inference_mode", "lru_cache", "no_grad", "override", "property", "setter", "staticmethod", "wraps"}
)
"""Decorators that leave a function where it is and tell nobody of it."""
LONGEST_NAME = 200

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Part:
    """A piece of code: its module, the digest of what it says, the names that it mentions, those of its parameters."""

    module: str
    digest: bytes
    mentions: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()
    is_dynamic: bool = False


@dataclass
class _Module:
    """The parts of a module by the names that they bind, methods also as ``Class.method``.

    Its body is what it does besides binding names: whoever reaches a part of the module reaches it.
    """

    by_name: dict[str, list[Part]] = field(default_factory=dict)
    body: list[Part] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    bound: Counter[str] = field(default_factory=Counter)
    asks: bool = False
    """Whether it is a file of checks: what it says of names is believed, and nothing depends on its body."""


class Parts:
    """The parts of several modules."""

    def __init__(self) -> None:
        self._modules: dict[str, _Module] = {}

    def add_module(self, name: str, source: str, *, asks: bool = False) -> None:
        """Add what a module binds and does; one that cannot be parsed is a body as a whole.

        ``asks`` is for the files of checks.
        """
        module = self._modules.setdefault(name, _Module(asks=asks))
        tree = parse_or_none(source)
        if not asks:  # a module that is empty is there, too
            module.body.append(Part(name, _digest(name, source if tree is None else "")))
        if tree is not None:
            reader = _Reader(name, module, frozenset(_defined(tree)))
            for statement in tree.body:
                reader.add(statement)

    def reached(self, names: Iterable[str], modules: Iterable[str]) -> frozenset[Part]:
        """Return the parts that these names reach when these modules come into play."""
        reached: set[Part] = set()
        seen: set[str] = set()
        active: set[str] = set()
        waiting: list[tuple[str, bool]] = [(name, True) for name in modules] + [(name, False) for name in names]
        while waiting:
            name, comes_into_play = waiting.pop()
            parts: list[Part] = []
            if comes_into_play and name in self._modules and name not in active:
                active.add(name)
                module = self._modules[name]
                parts = [*module.body, *(part for one in seen for part in module.by_name.get(one, ()))]
                waiting += [(one, True) for one in module.imports]
            elif not comes_into_play and name not in seen:
                seen.add(name)
                parts = [part for one in active for part in self._modules[one].by_name.get(name, ())]
            for part in (part for part in parts if part not in reached):
                reached.add(part)
                if part.is_dynamic and not self._modules[part.module].asks:
                    return frozenset(self._all())
                waiting += [(one, False) for one in part.mentions]
                arguments = {one.removesuffix("_module") for one in part.arguments}
                waiting += [(one, True) for one in (*part.mentions, *arguments) if one in self._modules]
        return frozenset(reached)

    def _all(self) -> Iterator[Part]:
        for module in self._modules.values():
            yield from module.body
            for parts in module.by_name.values():
                yield from parts


@dataclass(frozen=True)
class _Reader:
    """Reads the statements of a module into its parts."""

    name: str
    module: _Module
    defined: frozenset[str]
    """Names of all functions and classes of the module."""

    def add(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ClassDef):
            self._add_class(statement, statement.name)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            self._add(statement, [statement.name], body=self._is_told_to_others(statement))
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            self._add_import(statement)
        elif _only_when_run(statement):
            for otherwise in statement.orelse:
                self.add(otherwise)
        else:
            for inner in same_scope(statement):
                if isinstance(inner, ast.ClassDef):
                    self._add_class(inner, inner.name)
                elif isinstance(inner, ast.Import | ast.ImportFrom):
                    self._add_import(inner)
            self._add(statement, bound_names([statement]), body=not _only_binds(statement))

    def _add_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        names = [alias.name for alias in statement.names]
        of = [*(getattr(statement, "module", None) or "").split("."), *(part for n in names for part in n.split("."))]
        self.module.imports.update(of)
        self._add(statement, bound_names([statement]), mentions=frozenset(of), body="*" in names)

    def _add_class(self, node: ast.ClassDef, name: str) -> None:
        methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)]
        for method in methods:
            own = f"{name}.{method.name}"
            names = [own] if _is_special(method.name) else [own, method.name]
            self._add(method, names, body=self._is_told_to_others(method))
        for inner in (inner for inner in node.body if isinstance(inner, ast.ClassDef)):
            self._add_class(inner, f"{name}.{inner.name}")
            self.module.by_name.setdefault(inner.name, []).extend(self.module.by_name[f"{name}.{inner.name}"])
        head = copy.copy(node)
        head.body = [inner for inner in node.body if not isinstance(inner, Definition)]
        framework = bool(node.keywords) or any(self._is_of_a_framework(base) for base in node.bases)
        called = [one for one in methods if framework or _is_special(one.name) or one.name in IMPLICIT]
        mentions = _mentions(head) | {f"{name}.{one.name}" for one in called}
        dynamic = any(one.name in ("__getattr__", "__getattribute__") for one in methods)
        names = [name, *bound_names(head.body)]
        self._add(
            head,
            names,
            mentions=mentions,
            body=self._is_told_to_others(node),
            dynamic=dynamic,
            order=" ".join(map(_bound_by, node.body)) if mentions & {method.name for method in methods} else "",
        )

    def _is_of_a_framework(self, base: ast.expr) -> bool:
        """Whether a base class comes from elsewhere, and may call any method under a name of its own."""
        name = _last_name(base)
        return name not in OWN_BASES and not (isinstance(base, ast.Name) and name in self.defined)

    def _is_told_to_others(self, node: Definition) -> bool:
        """Whether a decorator may have put it where it is found under no name."""
        names = [_last_name(decorator) for decorator in node.decorator_list]
        return any(name not in PLAIN_DECORATORS or name in self.defined for name in names)

    def _add(
        self,
        node: ast.stmt,
        names: Iterable[str],
        *,
        mentions: frozenset[str] | None = None,
        body: bool = False,
        dynamic: bool = False,
        order: str = "",
    ) -> None:
        mentions = _mentions(node) if mentions is None else mentions
        arguments = frozenset[str]()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = frozenset(one.arg for one in parameters(node.args))
        digest = _digest(order, self._order(mentions, names), ast.dump(node))
        part = Part(self.name, digest, mentions, arguments, dynamic or any(map(_is_dynamic, ast.walk(node))))
        for name in names:
            self.module.by_name.setdefault(name, []).append(part)
            self.module.bound[name] += 1
        if body and not self.module.asks:
            self.module.body.append(part)

    def _order(self, mentions: Iterable[str], names: Iterable[str]) -> str:
        """Return how often each of these names was bound before: the order of two such statements matters."""
        counts = {name: self.module.bound[name] for name in (*mentions, *names)}
        return " ".join(f"{name} {counts[name]}" for name in sorted(counts) if counts[name])


def parts_of(sources: Mapping[str, str], provided: Iterable[Path], checks: Iterable[Path]) -> Parts:
    """Return the parts of submitted sources, by their paths, of provided modules, and of the files of checks."""
    parts = Parts()
    for path, source in sources.items():
        parts.add_module(module_of(path), source)
    for file in provided:
        parts.add_module(file.stem, file.read_text(encoding="utf-8", errors="replace"))
    for file in checks:
        parts.add_module(file.stem, file.read_text(encoding="utf-8", errors="replace"), asks=True)
    return parts


def module_of(path: str) -> str:
    """Return the last part of a module's name: of a package, that of its folder."""
    place = PurePosixPath(path)
    return place.parent.name if place.stem == "__init__" else place.stem


def digest_of_reached(parts: Parts, names: Iterable[str], modules: Iterable[str]) -> str:
    """Return a digest of what is reached: where it is as before, no change concerns whoever starts from there."""
    return _digest(*sorted(part.digest for part in parts.reached(names, modules))).hex()


def _digest(*pieces: str | bytes) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _last_name(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _only_binds(statement: ast.stmt) -> bool:
    """Whether all that a statement of a module does is to bind names; a call may do more."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    stored = [name for target in targets if target is not None for name in stored_targets(target)]
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not stored:
        return False
    if not all(isinstance(name, ast.Name) for name in stored):
        return False
    if any(isinstance(name, ast.Name) and name.id == "__all__" for name in stored):
        return False
    return all(_only_computes(node) for node in ast.walk(statement) if isinstance(node, ast.Call))


def _only_computes(call: ast.Call) -> bool:
    """Whether a call changes nothing, as far as its name says: it is a library's, and of none that sets something."""
    name = _last_name(call.func)
    if isinstance(call.func, ast.Name):
        return name in BUILDERS
    if name in MUTATORS or name.endswith("_") or "seed" in name:
        return False
    return not name.startswith(("disable", "enable", "manual", "patch", "register", "set", "use"))


def _only_when_run(statement: ast.stmt) -> TypeGuard[ast.If]:
    """Whether it is ``if __name__ == "__main__"``, whose block grading does not run: it only loads a module."""
    match statement:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[only])):
            return isinstance(only, ast.Constant) and only.value == "__main__"
    return False


def _defined(tree: ast.Module) -> Iterator[str]:
    yield from (node.name for node in ast.walk(tree) if isinstance(node, Definition))


def _bound_by(statement: ast.stmt) -> str:
    """What a statement of a class binds, in words that differ where its order may matter."""
    return statement.name if isinstance(statement, Definition) else ",".join(bound_names([statement]))


def _mentions(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement reads, of attributes, and those that strings spell; none that are its own alone."""
    read = loaded_names(statement) | global_names(statement)
    return frozenset(read).union(*map(_spelled, ast.walk(statement)))


def _spelled(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=name):
            yield name
        case ast.Import(names=aliases):
            yield from (part for alias in aliases for part in alias.name.split("."))
        case ast.ImportFrom(module=module, names=aliases):
            yield from (*(module or "").split("."), *(alias.name for alias in aliases))
        case ast.Constant(value=str(text)) if len(text) <= LONGEST_NAME:
            pieces = text.split(".")
            if all(map(str.isidentifier, pieces)):
                yield from (*pieces, text)


def _is_dynamic(node: ast.AST) -> bool:
    """Whether this is a way to names that are nowhere in the code."""
    match node:
        case ast.Name(id=name):
            return name in DYNAMIC
        case ast.Attribute(attr=name) if name in DYNAMIC - HARMLESS_ATTRIBUTES:
            return True
        case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
            return True
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in BY_STRING:
            named = arguments[1] if len(arguments) > 1 else None
            return not (isinstance(named, ast.Constant) and isinstance(named.value, str))
    return False
