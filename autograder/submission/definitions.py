"""The part of a notebook that is run when it is graded: its definitions, and not its training.

Kept, in order: imports, functions, classes, constants, short set-up, and whatever kept code needs. Left out, with the
reason: what trains, plots, reads data, asks for input, and long loops. All of it is told from the syntax tree; nothing
is run. It is a courtesy to honest submissions, not a wall: what a loop hides costs its own time limit.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from autograder.source.scopes import (
    Definition,
    Import,
    block_lists,
    global_names,
    imported_as,
    loaded_names,
    own_nodes,
    stored_names,
)
from autograder.source.spans import Positions, first_line, last_line, replaced


class Reason(StrEnum):
    """Why a statement is left out, the weightiest first."""

    TRAINS = "it trains"
    INPUT = "it waits for input"
    DATA = "it reads data"
    PLOTS = "it plots"
    LOOPS = "it loops"
    RUNS = "it only runs or shows something"


@dataclass(frozen=True)
class LeftOut:
    """A top-level statement that is not run; lines count from 1."""

    line: int
    reason: Reason


_Block = ast.If | ast.Try | ast.With

_TRAINING = frozenset({"backward", "step", "zero_grad", "fit"})
_READING = frozenset(
    {"DataLoader", "load_dataset", "fetch_openml", "load_digits", "fetch_olivetti_faces", "read_csv", "urlretrieve"}
    | {"urlopen", "mount", "open", "loadtxt", "genfromtxt", "imread", "ImageFolder", "loadmat", "open_data", "download"}
)
_READERS = frozenset({"datasets", "requests", "gdown", "wget", "drive", "kagglehub", "subprocess"})
_PLOTTING = frozenset({"plt", "pyplot", "matplotlib", "sns", "seaborn", "plotly", "display", "show", "savefig"})
_LOADERS = frozenset({"np", "numpy", "torch", "pickle", "json", "joblib"})
_SETTING_UP = frozenset({"torch", "np", "numpy", "random", "warnings", "os", "sys", "setattr", "plt", "matplotlib"})
_SET_UP_CALLS = frozenset(
    {"manual_seed", "manual_seed_all", "seed", "set_default_dtype", "set_default_device", "set_printoptions", "use"}
    | {"filterwarnings", "simplefilter", "setattr", "append", "insert", "update", "setdefault", "extend", "add"}
    | {"set_num_threads", "makedirs", "set_float32_matmul_precision"}
)


@dataclass(frozen=True)
class Definitions:
    """What of a source is run: as text with the same lines, as a tree, and what was left out."""

    source: str
    tree: ast.Module
    left_out: tuple[LeftOut, ...]


def definitions(source: str, tree: ast.Module, wanted: Collection[str] = ()) -> Definitions:
    """Return the definitions of a parsed notebook; ``wanted`` are global names that grading needs of it.

    Takes time in proportion to the source, whatever is in it; what is nested too deeply to be checked is kept.
    """
    try:
        survey = _Survey(tree, wanted)
    except RecursionError:
        return Definitions(source, tree, ())
    out = [statement for statement in tree.body if survey.why_not(statement) is not None]
    kept = [statement for statement in tree.body if survey.why_not(statement) is None]
    reasons = tuple(LeftOut(statement.lineno, reason) for statement in out if (reason := survey.why_not(statement)))
    return Definitions(_without(source, out), ast.Module(kept, []), reasons)


_NEXT_ON_LINE = re.compile(r"[ \t]*;[ \t]*")


def _without(source: str, statements: Iterable[ast.stmt]) -> str:
    """Return the source with ``pass`` in place of these statements, which are in order, and as many lines."""
    positions, edits = Positions(source), []
    for statement in statements:
        begin, end = positions.span(statement)
        begin -= positions.start(statement.lineno) - positions.start(first := first_line(statement))
        lines = last_line(statement) - first
        behind = _NEXT_ON_LINE.match(source, end) if lines else None
        edits.append((begin, end if behind is None else behind.end(), "pass" + "\n" * lines))
    return replaced(source, edits)


class _Survey:
    """What the statements of one module define, need and do."""

    def __init__(self, tree: ast.Module, wanted: Collection[str]) -> None:
        self.body: Sequence[ast.stmt] = tree.body
        self._functions: dict[str, list[Definition]] = {}
        self._methods: dict[str, list[Definition]] = {}
        self._imported: set[str] = set()
        self._chains = _Chains()
        for node in own_nodes(tree.body):
            if isinstance(node, Import):
                self._imported |= set(map(imported_as, node.names))
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, Definition):
                        self._methods.setdefault(method.name, []).append(method)
            if isinstance(node, Definition):
                self._functions.setdefault(node.name, []).append(node)
        self._deeds: dict[tuple[str, bool], Reason | None] = {}
        self._deeds_in_blocks: dict[int, Reason | None] = {}
        self._defining = _defining(tree)
        self._reasons = {id(statement): self._first_reason(statement) for statement in tree.body}
        self._settled = {name for one in self.body if self.why_not(one) is None for name in stored_names(one)}
        self._keep_what_is_needed(set(wanted))

    def why_not(self, statement: ast.stmt) -> Reason | None:
        """Return why a top-level statement is not run; None where it is."""
        return self._reasons[id(statement)]

    def _first_reason(self, statement: ast.stmt) -> Reason | None:
        """Check a statement by itself, as if nothing needed it."""
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return None
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return None
            case ast.If() | ast.Try() | ast.With():
                return self._reason_of_block(statement)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                return self._deed(statement) or self._unneeded(statement)
            case ast.Expr(value=ast.Call() as call) if self._is_set_up(call):
                return self._weighty(self._deed(statement))
            case ast.For() | ast.While() | ast.AsyncFor():
                return self._weighty(self._deed(statement)) or Reason.LOOPS
        return self._deed(statement) or Reason.RUNS

    def _reason_of_block(self, statement: _Block) -> Reason | None:
        defines = id(statement) in self._defining
        if (deed := self._weighty(self._deed_of_block(statement))) is not None and not defines:
            return deed
        parts = [part for part in _parts(statement) if not isinstance(part, ast.Raise)]
        reasons = {self._first_reason(part) for part in parts}
        if defines or reasons == {None}:
            return None
        return _weightiest(reasons) or Reason.RUNS

    def _unneeded(self, statement: ast.stmt) -> Reason | None:
        """Constants are kept; what calls code of the notebook is kept only where something needs it."""
        if self._changes_a_definition(statement):
            return None
        for node in own_nodes([statement]):
            root = self._chains.root(node.func) if isinstance(node, ast.Call) else None
            if root is not None and (root in self._functions or not self._is_given(root)):
                return Reason.RUNS
        return None

    def _is_given(self, name: str) -> bool:
        return name in self._imported or hasattr(builtins, name)

    def _changes_a_definition(self, statement: ast.stmt) -> bool:
        """Whether it changes a function or class of the notebook, as ``VAE.decode = decode`` does.

        ``f = f(3)`` does not: it is a use of ``f``, whose result happens to get the same name.
        """
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        used = self._calls(statement)
        return any(
            self._chains.root(target) in self._functions and getattr(target, "id", None) not in used
            for target in targets
        )

    @staticmethod
    def _weighty(reason: Reason | None) -> Reason | None:
        return reason if reason in (Reason.TRAINS, Reason.INPUT, Reason.DATA) else None

    def _is_set_up(self, call: ast.Call) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        return self._chains.root(call.func) in _SETTING_UP and name in _SET_UP_CALLS

    def _deed(self, statement: ast.stmt) -> Reason | None:
        """Return the weightiest thing that running a statement does, through functions of the notebook, too."""
        if id(statement) in self._deeds_in_blocks:
            return self._deeds_in_blocks[id(statement)]
        return _weightiest(self._deed_of_node(node) for node in own_nodes([statement]))

    def _deed_of_block(self, block: _Block) -> Reason | None:
        """Do the same for a block, and remember it of all that it is made of: blocks within blocks are walked once."""
        if id(block) not in self._deeds_in_blocks:
            deeds = {id(node): self._deed_of_node(node) for node in own_nodes([block])}
            for one in reversed(_nested(block)):
                parts = list(_parts(one)) if isinstance(one, _Block) else []
                found = [deeds[id(node)] for node in own_nodes(_heads(one) if isinstance(one, _Block) else [one])]
                found += [self._deeds_in_blocks[id(part)] for part in parts]
                self._deeds_in_blocks[id(one)] = _weightiest(found)
        return self._deeds_in_blocks[id(block)]

    def _deed_of_node(self, node: ast.AST) -> Reason | None:
        if not isinstance(node, ast.Call):
            return None
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        root = self._chains.root(node.func)
        if name in _TRAINING:
            return Reason.TRAINS
        if name == "input" and isinstance(node.func, ast.Name):
            return Reason.INPUT
        is_method = isinstance(node.func, ast.Attribute)
        if name in (self._methods if is_method else self._functions) and root not in self._imported:
            return self._deed_of_function(name, is_method=is_method)
        if not name.startswith("make_") and (self._chains.has_reader(node.func) or name in _READING):
            return Reason.DATA
        if name == "load" and root in _LOADERS:
            return Reason.DATA
        return Reason.PLOTS if root in _PLOTTING or name in _PLOTTING else None

    def _deed_of_function(self, name: str, *, is_method: bool) -> Reason | None:
        """What calling a function or method of that name does; of a class, what making an object does."""
        key = (name, is_method)
        if key not in self._deeds:
            self._deeds[key] = None  # a function that calls itself
            called = (self._methods if is_method else self._functions)[name]
            found = {self._deed(statement) for definition in called for statement in _called_body(definition)}
            self._deeds[key] = _weightiest(found)
        return self._deeds[key]

    def _keep_what_is_needed(self, needed: set[str]) -> None:
        providers: dict[str, list[ast.stmt]] = {}
        callers: dict[str, list[ast.stmt]] = {}
        declaring = self._functions_declaring()
        for statement in self.body:
            if self.why_not(statement) is None:
                needed |= _needs(statement)
            elif not self._must_stay_out(statement):
                for name in self._provides(statement):
                    providers.setdefault(name, []).append(statement)
                for name in self._calls(statement):
                    callers.setdefault(name, []).append(statement)
        waiting = list(needed)
        while waiting:
            name = waiting.pop()
            found = providers.pop(name, [])
            for function in declaring.pop(name, ()):
                found += callers.pop(function, ())
            for statement in found:
                if self.why_not(statement) is not None:
                    self._reasons[id(statement)] = None
                    waiting += _needs(statement)
        self._leave_out_what_cannot_run()

    def _leave_out_what_cannot_run(self) -> None:
        """An assignment that reads what only a statement that is left out would bind goes with it."""
        there = Counter(name for one in self.body if self.why_not(one) is None for name in stored_names(one))
        readers: dict[str, list[ast.stmt]] = {}
        lost: list[tuple[str, Reason]] = []
        for statement in self.body:
            if (reason := self.why_not(statement)) is not None:
                lost += [(name, reason) for name in stored_names(statement)]
            elif isinstance(statement, (*_assignment_types, *_block_types)):
                for name in loaded_names(statement):
                    readers.setdefault(name, []).append(statement)
        while lost:
            name, reason = lost.pop()
            for statement in () if there[name] else readers.pop(name, ()):
                if self.why_not(statement) is None:
                    self._reasons[id(statement)] = reason
                    names = stored_names(statement)
                    there.subtract(names)
                    lost += [(name, reason) for name in names]

    def _provides(self, statement: ast.stmt) -> set[str]:
        """The global names that a statement itself binds or changes, but for those that have a meaning without it."""
        names = stored_names(statement)
        if isinstance(statement, ast.Assign):
            names -= _called(statement) & (self._settled | self._functions.keys())
        if isinstance(statement, ast.For):
            targets = {node.id for node in ast.walk(statement.target) if isinstance(node, ast.Name)}
            names -= targets & self._settled
        for node in own_nodes([statement]):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
                names |= {root for root in [self._chains.root(node)] if root}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                root = self._chains.root(node.func)
                if root is not None and root not in self._imported and root not in self._functions:
                    names.add(root)
        return names

    def _calls(self, statement: ast.stmt) -> set[str]:
        """The functions and classes of the notebook that a statement calls by name."""
        return _called(statement) & self._functions.keys()

    def _functions_declaring(self) -> dict[str, set[str]]:
        """The functions and classes that declare a name global, by that name: calling one of them may bind it."""
        own = {id(definition) for definitions in self._functions.values() for definition in definitions}
        declaring: dict[str, set[str]] = {}
        waiting: list[tuple[ast.AST, frozenset[str]]] = [(statement, frozenset()) for statement in self.body]
        while waiting:
            node, inside = waiting.pop()
            if isinstance(node, Definition) and id(node) in own:
                inside |= {node.name}
            for name in node.names if isinstance(node, ast.Global) else ():
                declaring.setdefault(name, set()).update(inside)
            waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
        return declaring

    def _must_stay_out(self, statement: ast.stmt) -> bool:
        return self._deed(statement) in (Reason.TRAINS, Reason.INPUT, Reason.DATA) or (
            self.why_not(statement) in (Reason.PLOTS,) and not stored_names(statement)
        )


_assignment_types = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_block_types = (ast.For, ast.While, ast.With)
_branch_types = (ast.ExceptHandler, ast.match_case)


def _weightiest(reasons: Iterable[Reason | None]) -> Reason | None:
    return min((reason for reason in reasons if reason), key=list(Reason).index, default=None)


def _defining(tree: ast.Module) -> set[int]:
    """Return the identities of the statements that hold a definition or an import."""
    found: set[int] = set()
    within: list[tuple[ast.AST, ast.AST]] = [(statement, tree) for statement in tree.body]
    for node, _ in within:
        children = ast.iter_child_nodes(node)
        within += [(child, node) for child in children if isinstance(child, (ast.stmt, *_branch_types))]
    for node, parent in reversed(within):
        if isinstance(node, (Definition, Import)) or id(node) in found:
            found.add(id(parent))
    return found


def _called(statement: ast.stmt) -> set[str]:
    """The names that a statement calls."""
    calls = (node for node in own_nodes([statement]) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def _needs(statement: ast.stmt) -> set[str]:
    """The global names that a statement, or later the functions in it, read."""
    return loaded_names(statement) | global_names(statement)


def _called_body(definition: Definition) -> list[ast.stmt]:
    if not isinstance(definition, ast.ClassDef):
        return definition.body
    makers = [d for d in definition.body if isinstance(d, ast.FunctionDef) and d.name in ("__init__", "__post_init__")]
    return [statement for maker in makers for statement in maker.body]


def _nested(block: _Block) -> list[ast.stmt]:
    """Return a block and the statements in it, at any depth of blocks, the outer ones first."""
    found: list[ast.stmt] = [block]
    for statement in found:  # which grows
        found += _parts(statement) if isinstance(statement, _Block) else ()
    return found


def _heads(block: _Block) -> list[ast.AST]:
    """Return what of a block runs next to its statements."""
    match block:
        case ast.If(test=test):
            return [test]
        case ast.With(items=items):
            return [*items]
    return [handler.type for handler in block.handlers if handler.type is not None]


def _parts(statement: _Block) -> Iterator[ast.stmt]:
    return itertools.chain(*block_lists(statement))


class _Chains:
    """What the links of chains such as ``a.b[0].c()`` begin with and name; each link is looked at once.

    The syntax tree must outlive it: links are told apart by their identity.
    """

    def __init__(self) -> None:
        self._roots: dict[int, str | None] = {}
        self._readers: dict[int, bool] = {}

    def root(self, node: ast.expr) -> str | None:
        """Return ``a`` of ``a.b[0].c()``; None where it begins with something else than a name."""
        passed = []
        while id(node) not in self._roots and isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
            passed.append(id(node))
            node = node.func if isinstance(node, ast.Call) else node.value
        root = node.id if isinstance(node, ast.Name) else self._roots.get(id(node))
        self._roots.update(dict.fromkeys(passed, root))
        return root

    def has_reader(self, node: ast.expr) -> bool:
        """Whether ``datasets`` or the like is among ``a``, ``b``, ``c`` of ``a.b().c``; items are not looked into."""
        passed = []
        while id(node) not in self._readers and isinstance(node, (ast.Attribute, ast.Call)):
            passed.append(node)
            node = node.func if isinstance(node, ast.Call) else node.value
        found = node.id in _READERS if isinstance(node, ast.Name) else self._readers.get(id(node), False)
        for link in reversed(passed):
            found = found or (isinstance(link, ast.Attribute) and link.attr in _READERS)
            self._readers[id(link)] = found
        return found
