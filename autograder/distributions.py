"""Which installed distribution holds a module: ``sklearn`` is scikit-learn's, ``mpl_toolkits.mplot3d`` matplotlib's."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib import metadata

from packaging.utils import canonicalize_name

from autograder.errors import UserError
from autograder.source.lines import Place
from autograder.source.parsing import parse_python

Need = tuple[str, str]
"""Where a module is needed, in words, and its name."""


def is_standard(module: str) -> bool:
    """Whether a module is of the standard library, with which nothing needs to be installed."""
    return module.partition(".")[0] in sys.stdlib_module_names


def distributions_needed(slug: str, needs: Iterable[Need], local: Collection[str] = ()) -> list[str]:
    """Return the distributions that hold the modules, sorted.

    Modules of the standard library, of the engine and ``local`` ones need none. Raises `UserError` for a module that no
    installed distribution has.
    """
    found: set[str] = set()
    for where, module in needs:
        if is_standard(module) or module.partition(".")[0] in {*local, "autograder"}:
            continue
        if not (names := distributions_of(module)):
            raise UserError(
                f"{slug}: {where} needs the module {module!r}, which no installed package has;"
                " install it and build again, or take it out"
            )
        found.update(names)
    return sorted(found)


def distributions_of(module: str) -> tuple[str, ...]:
    """Return the canonical names of the installed distributions that hold a module, sorted; none for an unknown one.

    Where several share the first name of a module, those with the longest part of the whole name are returned.
    """
    names = sorted({str(canonicalize_name(name)) for name in _by_first_name().get(module.partition(".")[0], ())})
    while len(names) > 1 and "." in module:
        if exact := [name for name in names if _holds(name, module)]:
            return tuple(exact)
        module = module.rpartition(".")[0]
    return tuple(names)


@functools.cache
def _by_first_name() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _holds(distribution: str, module: str) -> bool:
    path = module.replace(".", "/")
    starts = (f"{path}/", f"{path}.")
    return any(file.as_posix().startswith(starts) for file in metadata.distribution(distribution).files or ())


def needs_of(where: str, code: str) -> list[Need]:
    """Return what Python code imports; raise `UserError` where it is none."""
    return [(where, module) for module in imported(parse_python(code, Place(where)).body)]


def imported(body: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the modules that statements import; those of a ``try`` that goes on without them are optional."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module and node.level == 0:
                yield node.module
        elif not (isinstance(node, ast.Try) and any(map(_catches_missing, node.handlers))):
            yield from imported(list(ast.iter_child_nodes(node)))


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
