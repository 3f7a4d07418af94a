"""The one loader of submitted and trusted modules: top-level statements run one by one.

A statement that raises is reported and skipped, so a broken line costs what depends on it and no more.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autograder.sandbox.jailed.dummies import Inert, InertEntry, InertModule, show_nothing
from autograder.sandbox.jailed.scripts import (
    ON_CAUGHT,
    UNCOMPILED,
    Script,
    Statement,
    compiled,
    definitions_of,
    read_source,
    unpacked,
)
from autograder.sandbox.shared.processor_time import LOOK, TIMEOUT_FACTOR, usage

Binder = Callable[[types.ModuleType], None]


@dataclass(frozen=True)
class Skipped:
    """A top-level statement that did not run, or not to its end."""

    file: str
    line: int
    error: str
    message: str
    slow: bool = False


@dataclass
class LoadReport:
    """What the loader met on its way."""

    skipped: list[Skipped] = field(default_factory=list)
    inert: list[tuple[str, int, str]] = field(default_factory=list)
    """File, line and name of every import that an inert stand-in took the place of."""


class StatementTooSlow(BaseException):
    """A top-level statement ran longer than it may; raised by the alarm, past ``except Exception``."""


class Loader(importlib.abc.MetaPathFinder):
    """Loads the modules of one folder; names that are importable without it are never shadowed.

    ``skip`` holds (file, line) of statements known to be too slow. ``bind`` is called after every statement, with the
    module, to put stand-ins in their places. ``extra`` holds files that are loaded next to the folder's; whenever
    one of them catches an exception, ``on_caught`` is called while it is handled.
    ``notebooks`` maps modules that are notebooks, or such as text, to the names that are wanted of them: only their
    definitions are run. (What was handed in comes here with its definitions only.) In ``unordered`` modules, made of
    cells that may have changed places, what fails for want of a name is tried again when the rest has run.
    ``scripts`` are those that another loader has `compiled_here`, packed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        extra: Iterable[Path] = (),
        skip: Iterable[tuple[str, int]] = (),
        bind: Binder | None = None,
        on_caught: Callable[[], None] = lambda: None,
        statement_seconds: float | None = None,
        notebooks: Mapping[str, Collection[str]] | None = None,
        unordered: Collection[str] = (),
        scripts: bytes = b"",
    ) -> None:
        self.folder = folder
        self._extra = {path.stem: path for path in extra}
        self.modules: dict[str, types.ModuleType] = {}
        self.report = LoadReport()
        self.inert: list[str] = []
        self._skip = frozenset(skip)
        self._bind = bind
        self._on_caught = on_caught
        self._seconds = statement_seconds
        self._notebooks = notebooks or {}
        self._unordered = frozenset((*unordered, *self._notebooks))
        self._lacking: set[str] = set()
        self._scripts = scripts
        self.compiled_here: dict[str, Script] = {}
        """By its file, what of the folder was not there in compiled form."""

    def load(self, name: str) -> types.ModuleType:
        """Load a module of the folder by its dotted name, once; raise `FileNotFoundError` where there is none."""
        if name not in self.modules:
            path = self._path(name)
            if path is None:
                raise FileNotFoundError(f"{name.replace('.', '/')}.py")
            module = types.ModuleType(name)
            module.__file__ = str(path)
            if path.name == "__init__.py":
                module.__path__ = [str(path.parent)]
            self.modules[name] = sys.modules[name] = module
            self._execute(module, path)
        return self.modules[name]

    def is_extra(self, filename: str) -> bool:
        """Whether a file is one of those that are loaded next to the folder's."""
        return any(filename == str(path) for path in self._extra.values())

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find what the ordinary finders do not know; this finder comes last, so real modules win."""
        found = self._path(fullname)
        if found is None:
            inert = importlib.machinery.ModuleSpec(fullname, InertEntry())
            return inert if fullname in self._lacking else None
        package = found.name == "__init__.py"
        return importlib.machinery.ModuleSpec(fullname, _Entry(self), origin=str(found), is_package=package)

    def adopt(self, module: types.ModuleType) -> None:
        """Run the statements of a module that the import system has made."""
        if (path := self._path(module.__name__)) is not None:
            module.__file__ = str(path)
            self.modules[module.__name__] = module
            self._execute(module, path)

    def _path(self, name: str) -> Path | None:
        if name in self._extra:
            return self._extra[name]
        base = self.folder.joinpath(*name.split("."))
        candidates = [base.with_name(base.name + ".py"), base / "__init__.py"]
        if name in self._notebooks:
            candidates.insert(0, base.with_name(base.name + ".ipynb"))
        return next((path for path in candidates if path.is_file()), None)

    def _execute(self, module: types.ModuleType, path: Path) -> None:
        source = read_source(path)
        if module.__name__ in self._notebooks:
            source = definitions_of(source, frozenset(self._notebooks[module.__name__]))
        shown = path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.name
        linecache.cache[str(path)] = (len(source), None, source.splitlines(keepends=True), str(path))
        watched = module.__name__ in self._extra
        if watched:
            vars(module)[ON_CAUGHT] = self._on_caught
        try:
            given = None if watched else self._given.get(str(path))
            script = given or self._compile(source, path, watched=watched)
        except UNCOMPILED as error:
            line = getattr(error, "lineno", None) or 1
            self.report.skipped.append(Skipped(shown, line, type(error).__name__, str(error)))
            return
        module.__doc__ = script.docstring
        if module.__name__ in self._unordered:
            vars(module).update(display=show_nothing, get_ipython=functools.partial(Inert, "get_ipython()"))
        if self._bind is not None:
            self._bind(module)
        failed = []
        for statement in script.statements:
            if (shown, statement.line) in self._skip:
                self.report.skipped.append(Skipped(shown, statement.line, "TimeoutError", "too slow", slow=True))
            elif (why := self._run(statement, module, shown)) is not None:
                failed.append((statement, why))
        if module.__name__ in self._unordered:
            self._try_again(failed, module, shown)
        self.report.skipped += [why for _, why in failed]
        self._expect(script.inner_imports, shown)

    @functools.cached_property
    def _given(self) -> dict[str, Script]:
        try:
            return unpacked(self._scripts)
        except Exception:  # none, or what no `packed` has written: it is compiled here
            return {}

    def _compile(self, source: str, path: Path, *, watched: bool) -> Script:
        before = compiled.cache_info().misses
        script = compiled(source, str(path), topmost=path.parent == self.folder, watched=watched)
        if compiled.cache_info().misses > before and not watched:
            self.compiled_here[str(path)] = script
        return script

    def _try_again(self, failed: list[tuple[Statement, Skipped]], module: types.ModuleType, shown: str) -> None:
        """Run what lacked a name again, as long as that helps; what it would bind must not be there by now."""
        helped = True
        while helped:
            helped = False
            for entry in list(failed):
                statement, why = entry
                if why.error != "NameError" or statement.binds & vars(module).keys():
                    continue
                if self._run(statement, module, shown) is None:
                    failed.remove(entry)
                    helped = True

    def _run(self, statement: Statement, module: types.ModuleType, shown: str) -> Skipped | None:
        """Run one statement, and put stand-ins into their places; return why it did not run to its end."""
        why = self._attempt(statement, module, shown)
        if self._bind is not None:
            self._bind(module)
        return why

    def _attempt(self, statement: Statement, module: types.ModuleType, shown: str) -> Skipped | None:
        while True:
            try:
                with _alarm(self._seconds):
                    exec(statement.code(), module.__dict__)
                return None
            except ModuleNotFoundError as error:
                if not statement.imports or not error.name or not self._replace(error.name):
                    return _skipped(shown, statement, error)
                self.report.inert.append((shown, statement.line, error.name))
            except StatementTooSlow as error:
                return _skipped(shown, statement, error, slow=True)
            except BaseException as error:  # the one boundary at which a submission's exceptions are caught
                return _skipped(shown, statement, error)

    def _expect(self, imports: Iterable[tuple[int, str]], shown: str) -> None:
        """Have inert stand-ins ready for packages that functions import when they are called, if they are not here."""
        for line, name in imports:
            if lacking := _lacking(name):
                self._lacking |= set(lacking)
                self.report.inert.append((shown, line, name))

    def _replace(self, name: str) -> bool:
        if name in sys.modules:
            return False
        sys.modules[name] = InertModule(name)
        self.inert.append(name)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, sys.modules[name])
        return True


def _lacking(name: str) -> list[str]:
    """Return the modules on the way to ``name`` that are not here; none where a package that is here should have it.

    A namespace (``google``) is no such package: several packages that know nothing of each other share it.
    """
    parts = name.split(".")
    ways = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    for depth, way in enumerate(ways):
        module = sys.modules.get(way)
        if isinstance(module, InertModule):
            return []
        spec = importlib.util.find_spec(way) if module is None else module.__spec__
        if spec is None and module is None:
            return ways[depth:]
        if spec is None or spec.origin is not None or spec.submodule_search_locations is None:
            return []
    return []


def _skipped(shown: str, statement: Statement, error: BaseException, *, slow: bool = False) -> Skipped:
    name = "TimeoutError" if slow else type(error).__name__
    return Skipped(shown, statement.line, name, safe_text(error, 300), slow)


class _Entry(importlib.abc.Loader):
    """Lets ``import helper`` inside a submission go through the same loader."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        self._loader.adopt(module)


def safe_text(value: object, limit: int) -> str:
    """Return ``str(value)``, shortened, whatever a hostile ``__str__`` does."""
    try:
        text = str(value)
        return text if type(text) is str and len(text) <= limit else str.__str__(text)[:limit] + " ..."
    except BaseException:
        return "(its text cannot be shown)"


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """Raise `StatementTooSlow` in the block after so many seconds; a courtesy to honest code, not a wall.

    Waits for a processor that others have are left out. The clock of an enclosing block (a statement that imports a
    helper) stands still meanwhile.
    """
    if seconds is None or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    begun, used = time.monotonic(), time.process_time()

    def ring(signum: int, frame: object) -> None:
        passed = time.monotonic() - begun
        left = seconds - max(time.process_time() - used, passed - usage(os.getpid()).waited)
        if left <= 0 or passed > TIMEOUT_FACTOR * seconds:
            raise StatementTooSlow(f"stopped after {seconds:g} s")
        signal.setitimer(signal.ITIMER_REAL, max(left, LOOK))

    before = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)
