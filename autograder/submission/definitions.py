"""What of a notebook is run when it is graded: its definitions, and not its training.

Kept, in order: imports, functions, classes, constants, short set-up, and whatever kept code needs. Left out, with the
reason: what trains, plots, reads data, asks for input, and long loops. All of it is told from the syntax tree; nothing
is run. It is a courtesy to honest hand-ins, not a wall: what a loop hides costs its own time limit.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from autograder.submission.globals import global_names, loaded_names, own_nodes, stored_names


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


_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Import = ast.Import | ast.ImportFrom

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

    Takes time in proportion to the source, whatever is in it; what is nested too deeply to be judged is kept.
    """
    try:
        survey = _Survey(tree, wanted)
    except RecursionError:
        return Definitions(source, tree, ())
    out = [statement for statement in tree.body if survey.why_not(statement) is not None]
    kept = [statement for statement in tree.body if survey.why_not(statement) is None]
    reasons = tuple(LeftOut(statement.lineno, reason) for statement in out if (reason := survey.why_not(statement)))
    return Definitions(_without(source, out), ast.Module(kept, []), reasons)


_NEXT_ON_LINE = re.compile(rb"[ \t]*;[ \t]*")


def _without(source: str, statements: Iterable[ast.stmt]) -> str:
    """Return the source with ``pass`` in place of these statements, which are in order, and as many lines."""
    data = source.encode()  # columns of the tree count UTF-8 bytes
    starts = [0, *accumulate(len(line) + 1 for line in data.split(b"\n"))]
    pieces, done = [], 0
    for statement in statements:
        assert statement.end_lineno is not None and statement.end_col_offset is not None
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        begin = starts[first - 1] + statement.col_offset
        end = starts[statement.end_lineno - 1] + statement.end_col_offset
        lines = statement.end_lineno - first
        pieces += [data[done:begin], b"pass", b"\n" * lines]
        behind = _NEXT_ON_LINE.match(data, end) if lines else None
        done = end if behind is None else behind.end()
    return b"".join([*pieces, data[done:]]).decode()


class _Survey:
    """What the statements of one module define, need and do."""

    def __init__(self, tree: ast.Module, wanted: Collection[str]) -> None:
        self.body: Sequence[ast.stmt] = tree.body
        self._functions: dict[str, list[_Definition]] = {}
        self._methods: dict[str, list[_Definition]] = {}
        self._imported: set[str] = set()
        for node in own_nodes(tree.body):
            if isinstance(node, _Import):
                self._imported |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, _Definition):
                        self._methods.setdefault(method.name, []).append(method)
            if isinstance(node, _Definition):
                self._functions.setdefault(node.name, []).append(node)
        self._deeds: dict[tuple[str, bool], Reason | None] = {}
        self._reasons = {id(statement): self._first_reason(statement) for statement in tree.body}
        self._keep_what_is_needed(set(wanted))

    def why_not(self, statement: ast.stmt) -> Reason | None:
        """Return why a top-level statement is not run; None where it is."""
        return self._reasons[id(statement)]

    def _first_reason(self, statement: ast.stmt) -> Reason | None:
        """Judge a statement by itself, as if nothing needed it."""
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

    def _reason_of_block(self, statement: ast.If | ast.Try | ast.With) -> Reason | None:
        if (deed := self._weighty(self._deed(statement))) is not None and not self._defines_something(statement):
            return deed
        parts = [part for part in _parts(statement) if not isinstance(part, ast.Raise)]
        reasons = {self._first_reason(part) for part in parts}
        if self._defines_something(statement) or reasons == {None}:
            return None
        return min((reason for reason in reasons if reason), key=list(Reason).index, default=Reason.RUNS)

    @staticmethod
    def _defines_something(statement: ast.stmt) -> bool:
        return any(isinstance(node, (*_definition_types, ast.Import, ast.ImportFrom)) for node in ast.walk(statement))

    def _unneeded(self, statement: ast.stmt) -> Reason | None:
        """Constants are kept; what calls code of the notebook is kept only where something needs it."""
        if self._changes_a_definition(statement):
            return None
        for node in own_nodes([statement]):
            root = _root(node.func) if isinstance(node, ast.Call) else None
            if root is not None and (root in self._functions or not self._is_given(root)):
                return Reason.RUNS
        return None

    def _is_given(self, name: str) -> bool:
        return name in self._imported or hasattr(builtins, name)

    def _changes_a_definition(self, statement: ast.stmt) -> bool:
        """Whether it changes a function or class of the notebook, as ``VAE.decode = decode`` does."""
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        return any(_root(target) in self._functions for target in targets)

    @staticmethod
    def _weighty(reason: Reason | None) -> Reason | None:
        return reason if reason in (Reason.TRAINS, Reason.INPUT, Reason.DATA) else None

    @staticmethod
    def _is_set_up(call: ast.Call) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        return _root(call.func) in _SETTING_UP and name in _SET_UP_CALLS

    def _deed(self, statement: ast.AST) -> Reason | None:
        """Return the weightiest thing that running a statement does, through functions of the notebook, too."""
        found = [self._deed_of_node(node) for node in own_nodes([statement])]
        return min((reason for reason in found if reason), key=list(Reason).index, default=None)

    def _deed_of_node(self, node: ast.AST) -> Reason | None:
        if not isinstance(node, ast.Call):
            return None
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        root = _root(node.func)
        if name in _TRAINING:
            return Reason.TRAINS
        if name == "input" and isinstance(node.func, ast.Name):
            return Reason.INPUT
        is_method = isinstance(node.func, ast.Attribute)
        if name in (self._methods if is_method else self._functions) and root not in self._imported:
            return self._deed_of_function(name, is_method=is_method)
        if not name.startswith("make_") and (_dotted(node.func) & _READERS or name in _READING):
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
            self._deeds[key] = min((reason for reason in found if reason), key=list(Reason).index, default=None)
        return self._deeds[key]

    def _keep_what_is_needed(self, needed: set[str]) -> None:
        providers: dict[str, list[ast.stmt]] = {}
        for statement in self.body:
            if self.why_not(statement) is None:
                needed |= _needs(statement)
            elif not self._must_stay_out(statement):
                for name in self._provides(statement):
                    providers.setdefault(name, []).append(statement)
        waiting = list(needed)
        while waiting:
            for statement in providers.pop(waiting.pop(), ()):
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
        """The global names that a statement binds or changes."""
        names = stored_names(statement)
        for node in own_nodes([statement]):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
                names |= {root for root in [_root(node)] if root}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                root = _root(node.func)
                if root is not None and root not in self._imported and root not in self._functions:
                    names.add(root)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for definition in self._functions.get(node.func.id, ()):
                    names.update(*(one.names for one in ast.walk(definition) if isinstance(one, ast.Global)))
        return names

    def _must_stay_out(self, statement: ast.stmt) -> bool:
        return self._deed(statement) in (Reason.TRAINS, Reason.INPUT, Reason.DATA) or (
            self.why_not(statement) in (Reason.PLOTS,) and not stored_names(statement)
        )


_definition_types = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_assignment_types = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_block_types = (ast.For, ast.While, ast.With)


def _needs(statement: ast.stmt) -> set[str]:
    """The global names that a statement, or later the functions in it, read."""
    return loaded_names(statement) | global_names(statement)


def _called_body(definition: _Definition) -> list[ast.stmt]:
    if not isinstance(definition, ast.ClassDef):
        return definition.body
    makers = [d for d in definition.body if isinstance(d, ast.FunctionDef) and d.name in ("__init__", "__post_init__")]
    return [statement for maker in makers for statement in maker.body]


def _parts(statement: ast.If | ast.Try | ast.With) -> Iterator[ast.stmt]:
    yield from statement.body
    if isinstance(statement, (ast.If, ast.Try)):
        yield from statement.orelse
    if isinstance(statement, ast.Try):
        yield from (part for handler in statement.handlers for part in handler.body)
        yield from statement.finalbody


def _root(node: ast.expr) -> str | None:
    """Return ``a`` of ``a.b[0].c()``; None where it begins with something else than a name."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _dotted(node: ast.expr) -> set[str]:
    names = set()
    while isinstance(node, (ast.Attribute, ast.Call)):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    return names | ({node.id} if isinstance(node, ast.Name) else set())
