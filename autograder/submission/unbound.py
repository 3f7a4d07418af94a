"""Names that exist only because cells were run out of order, or by a cell that is gone."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.source.scopes import global_names, loaded_names, stored_names

_GIVEN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__", "__builtins__", "get_ipython", "display"}


@dataclass(frozen=True)
class Unbound:
    """A name that a statement, or a function in it, reads at ``line``; ``later`` is the line that binds it, if any."""

    name: str
    line: int
    later: int | None


def unbound_names(whole: ast.Module, run: ast.Module) -> Iterator[Unbound]:
    """Yield each name once that a run from top to bottom of ``run`` would not find, in the order of the lines.

    ``whole`` also has the statements that grading leaves out: what they bind, a notebook has.
    """
    binding: dict[str, int] = {}
    for statement in whole.body:
        for name in stored_names(statement) | _declared_global(statement):
            binding.setdefault(name, statement.lineno)
    if "*" in binding:  # `from x import *` may bind anything
        return
    seen: set[str] = set(_GIVEN)
    annotations = True
    for statement in run.body:
        annotations = annotations and not _postpones_annotations(statement)
        read = loaded_names(statement, annotations=annotations) - seen
        missing = {name for name in read if binding.get(name, statement.lineno + 1) > statement.lineno}
        missing |= global_names(statement, annotations=annotations) - seen - binding.keys()
        lines = _first_lines(statement) if missing else {}
        for name in sorted(missing):
            seen.add(name)
            yield Unbound(name, lines.get(name, 0), binding.get(name))


def _postpones_annotations(statement: ast.stmt) -> bool:
    """Whether annotations are text from here on; Jupyter keeps to it in the cells that follow."""
    match statement:
        case ast.ImportFrom(module="__future__", names=names):
            return any(alias.name == "annotations" for alias in names)
    return False


def _declared_global(statement: ast.stmt) -> set[str]:
    return {name for node in ast.walk(statement) if isinstance(node, ast.Global) for name in node.names}


def _first_lines(statement: ast.stmt) -> dict[str, int]:
    lines: dict[str, int] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return lines
