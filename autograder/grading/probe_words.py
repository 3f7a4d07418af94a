"""Students' words for a probe in reports: its docstring, instead of its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from autograder.sandbox.trusted.example import ProbeWords
from autograder.source.lines import Place
from autograder.source.parsing import parse_python
from autograder.texts import read_text


def read_probe_words(paths: Iterable[Path]) -> Mapping[str, ProbeWords]:
    """Return the words for every function, class and method of probes that has a docstring, by ``module.name``."""
    return {
        f"{path.stem}.{name}": ProbeWords(_first_sentence(text), f"checks/public/{path.name}", parameters)
        for path in paths
        for name, text, parameters in _documented(parse_python(read_text(path), Place(str(path))))
    }


def _documented(tree: ast.Module | ast.ClassDef, before: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if text := ast.get_docstring(node):
                yield before + node.name, text, tuple(_parameters(node))
            if isinstance(node, ast.ClassDef):
                yield from _documented(node, f"{before}{node.name}.")


def _parameters(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """Names of the positional arguments, of a class those of its constructor; ``self`` is left out."""
    if isinstance(node, ast.ClassDef):
        makers = (part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__")
        for maker in makers:
            yield from _parameters(maker)
        return
    names = (argument.arg for argument in (*node.args.posonlyargs, *node.args.args))
    yield from (name for name in names if name != "self")


def _first_sentence(text: str) -> str:
    """The first sentence of a docstring, on one line, without its full stop."""
    line = " ".join(text.split()).replace("``", "`")
    return re.split(r"(?<=[^.]{3})\. |\.$", line, maxsplit=1)[0]
