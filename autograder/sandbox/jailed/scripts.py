"""The source of a module as compiled statements, and how one worker hands them on to the next of its submission."""

from __future__ import annotations
import __future__

import ast
import functools
import marshal
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.source.cells import parse_file
from autograder.source.scopes import stored_names
from autograder.submission.definitions import definitions

ON_CAUGHT = "__autograder_on_caught__"
"""The global of a probe that is called where the probe goes on after an exception."""
UNCOMPILED = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What the parser and the compiler raise where a text is no Python, or more of it than they take."""


@dataclass(frozen=True)
class Statement:
    """One top-level statement; ``result`` is its code, or what the compiler raised."""

    line: int
    imports: bool
    binds: frozenset[str]
    result: types.CodeType | Exception

    def code(self) -> types.CodeType:
        """Return the code; raise what the compiler raised."""
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@dataclass(frozen=True)
class Script:
    """A module's source as statements that are compiled one by one."""

    docstring: str | None
    statements: tuple[Statement, ...]
    inner_imports: tuple[tuple[int, str], ...]
    """Line and name of the modules that are imported inside functions, except where a missing one is provided for."""


@functools.lru_cache(maxsize=256)
def compiled(source: str, filename: str, *, topmost: bool = False, watched: bool = False) -> Script:
    """Parse and compile a source, once for all sessions of a process; raises what `ast.parse` does.

    The ``topmost`` modules were perhaps a package of their own: what they import from it is next to them. In one that
    is ``watched``, what an ``except`` catches is first handed to the module's global `ON_CAUGHT`.
    """
    tree = ast.parse(source, filename)
    if topmost:
        tree = _Beside().visit(tree)
    if watched:
        tree = ast.fix_missing_locations(_Watched().visit(tree))
    flags, statements = 0, []
    for node in tree.body:
        flags |= _future_flags(node)
        result: types.CodeType | Exception
        try:
            result = compile(ast.Module([node], []), filename, "exec", flags=flags, dont_inherit=True)
        except UNCOMPILED as error:
            result = error
        imports = isinstance(node, (ast.Import, ast.ImportFrom))
        statements.append(Statement(node.lineno, imports, frozenset(stored_names(node)), result))
    return Script(ast.get_docstring(tree), tuple(statements), tuple(_inner_imports(tree)))


def compile_beforehand(paths: Mapping[Path, Path], *, topmost: bool = False, watched: bool = False) -> None:
    """Compile files of the grader's own for all processes that are forked from now on; see `compiled`.

    ``paths`` says for each place where workers will find a file where it is now.
    """
    for place, path in paths.items():
        compiled(read_source(path), str(place), topmost=topmost, watched=watched)


def read_source(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def packed(scripts: Mapping[str, Script]) -> bytes:
    """Return scripts by file as bytes, for another worker of the same submission."""
    return marshal.dumps(
        {
            file: (
                script.docstring,
                [(one.line, one.imports, one.binds, _packed_result(one.result)) for one in script.statements],
                script.inner_imports,
            )
            for file, script in scripts.items()
        }
    )


def _packed_result(result: types.CodeType | Exception) -> types.CodeType | tuple[str, str]:
    return (type(result).__name__, str(result)) if isinstance(result, Exception) else result


def unpacked(data: bytes) -> dict[str, Script]:
    """Return the scripts of `packed`; for a worker only, where nothing but the submission can come to harm."""
    kinds = {kind.__name__: kind for kind in UNCOMPILED}

    def result(found: types.CodeType | tuple[str, str]) -> types.CodeType | Exception:
        return kinds[found[0]](found[1]) if isinstance(found, tuple) else found

    return {
        file: Script(
            docstring,
            tuple(Statement(line, imports, binds, result(found)) for line, imports, binds, found in statements),
            inner_imports,
        )
        for file, (docstring, statements, inner_imports) in marshal.loads(data).items()
    }


class _Beside(ast.NodeTransformer):
    """Makes ``from .x import y``, ``from ..x import y`` and ``from . import x`` imports of neighbours."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        if not node.level:
            return node
        if node.module:
            node.level = 0
            return node
        return ast.copy_location(ast.Import(node.names), node)


def _inner_imports(node: ast.AST, *, inside: bool = False) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        if inside and isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name) for alias in child.names)
        elif inside and isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.lineno, child.module
        elif not isinstance(child, ast.Try):
            yield from _inner_imports(child, inside=inside or isinstance(child, ast.FunctionDef))


@functools.lru_cache(maxsize=256)
def definitions_of(text: str, wanted: frozenset[str]) -> str:
    """Return the definitions of a trusted notebook, or of one kept as text, as a source with the same lines."""
    parsed = parse_file(text)
    return parsed.text if parsed.tree is None else definitions(parsed.text, parsed.tree, wanted).source


class _Watched(ast.NodeTransformer):
    """Lets every handler begin by saying what it has caught."""

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        call = ast.Call(ast.Name(ON_CAUGHT, ast.Load()), [], [])
        node.body.insert(0, ast.copy_location(ast.Expr(call), node))
        return node


def _future_flags(statement: ast.stmt) -> int:
    if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
        return 0
    features = [getattr(__future__, alias.name, None) for alias in statement.names]
    return sum(feature.compiler_flag for feature in features if feature is not None)
