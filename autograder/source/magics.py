"""Notebook commands (``!pip``, ``%matplotlib``, ``%%time``, ``get_ipython()``) become fillers on the same line.

A source that parses as Python holds none of the first kinds, so it is left alone. In one that does not parse, a line
is a command only where a statement would begin: not inside a string or brackets, nor after a backslash.

IPython's own transformer gives up after 500 commands, takes quadratic time and moves lines, so it is not used here; a
test holds what this makes of small cells against it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from autograder.source.decoding import Remark
from autograder.source.lines import indentation, quoted
from autograder.source.parsing import ParsedSource, SyntaxProblem, parse
from autograder.source.spans import Positions, replaced

_COMMAND = re.compile(r"\s*(?:[!%?]|(?:pip3?|conda|mamba)\s+(?:install|uninstall|list|show|freeze|update)\b)")
_FENCE = re.compile(r"\s*```[\w-]*\s*$")
_HELP = re.compile(r"\s*[\w.*]+\s*\?{1,2}\s*(?:#.*)?$")
_ASSIGNED_COMMAND = re.compile(r"(\s*[\w.,][\w.,\s]*=\s*)[!%](?!=)")
_TIMED = re.compile(r"(\s*)%time\s+(?=\S)")
_PYTHON_CELL = re.compile(r"%%(?:time|capture|prun)\b|%%writefile\s+(?:-a\s+)?\S+\.py\s*$")
_INTERESTING = re.compile(r"#|'''|\"\"\"|['\"()\[\]{}]|\\$")


def read_python(source: str) -> ParsedSource:
    """Return the source without its commands, parsed, with one remark for each of them; it keeps its lines."""
    tree, remarks = parse(source), list[Remark]()
    if isinstance(tree, SyntaxProblem) and tree.line is not None:
        source, remarks = _without_lines(source)
        tree = parse(source) if remarks else tree
    if isinstance(tree, ast.Module) and "get_ipython" in source:
        source, calls = _without_calls(source, tree)
        remarks += calls
        tree = parse(source) if calls else tree
    if isinstance(tree, SyntaxProblem):
        return ParsedSource(source, None, remarks, [Remark(tree.text, tree.line)])
    return ParsedSource(source, tree, remarks)


def read_cell(source: str) -> ParsedSource:
    """Do the same for a notebook cell, where ``%%`` on the first line makes the whole cell a command."""
    lines = source.split("\n")
    first = _first_of(lines)
    if not lines[first].startswith("%%"):
        return read_python(source)
    remark = _remark(lines[first], first + 1)
    if not _PYTHON_CELL.match(lines[first]):
        blank = Remark(f"{remark.text} (with its whole cell)", remark.line)
        return ParsedSource("\n" * (len(lines) - 1), ast.Module([], []), [blank])
    lines[first] = "pass"
    rest = read_python("\n".join(lines))
    return replace(rest, remarks=[remark, *rest.remarks])


def is_python_cell(source: str) -> bool:
    """Whether a cell holds Python, and not what another program reads, such as ``%%bash``."""
    lines = source.splitlines() or [""]
    head = lines[_first_of(lines)]
    return not head.startswith("%%") or _PYTHON_CELL.match(head) is not None


def _first_of(lines: list[str]) -> int:
    return next((number for number, line in enumerate(lines) if line.strip()), 0)


def _remark(line: str, number: int) -> Remark:
    if _FENCE.match(line):
        return Remark("a line of three backticks, which marks code in a text, ignored", number)
    return Remark(f"notebook command ignored: {quoted(line, 60)}", number)


def _without_lines(source: str) -> tuple[str, list[Remark]]:
    remarks = []
    lines = source.split("\n")
    state = _ScanState()
    swallowing = False
    for index, line in enumerate(lines):
        if swallowing:
            lines[index] = ""
        elif state.at_statement and (filler := _filler(line)) is not None:
            remarks.append(_remark(line, index + 1))
            lines[index] = filler
        else:
            state.feed(line)
            continue
        swallowing = line.endswith("\\")
    return "\n".join(lines), remarks


def _filler(line: str) -> str | None:
    """Return what stands in for a command at the same indentation, or None where the line is no command."""
    if timed := _TIMED.match(line):
        return timed[1] + line[timed.end() :]
    if _FENCE.match(line) or _COMMAND.match(line) or _HELP.match(line):
        return indentation(line) + "pass"
    if assigned := _ASSIGNED_COMMAND.match(line):
        return f"{assigned[1]}None"
    return None


class _ScanState:
    """Whether the next line begins a statement, kept while lines are fed in."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._continued = False

    @property
    def at_statement(self) -> bool:
        """True outside strings, brackets and continued lines."""
        return not (self._quote or self._depth or self._continued)

    def feed(self, line: str) -> None:
        """Read one line without its line end."""
        self._continued = False
        position = 0
        while position < len(line):
            position = self._skip_string(line, position) if self._quote else self._skip_code(line, position)
        if len(self._quote) == 1 and not line.endswith("\\"):
            self._quote = ""  # never closed: Python ends such a string with its line

    def _skip_string(self, line: str, position: int) -> int:
        for found in re.compile(rf"\\.|{self._quote}").finditer(line, position):
            if found[0] == self._quote:
                self._quote = ""
                return found.end()
        return len(line)

    def _skip_code(self, line: str, position: int) -> int:
        found = _INTERESTING.search(line, position)
        if found is None or found[0] == "#":
            return len(line)
        if found[0][0] in "'\"":
            self._quote = found[0]
        elif found[0] == "\\":
            self._continued = True
        else:
            self._depth = self._depth + 1 if found[0] in "([{" else max(0, self._depth - 1)
        return found.end()


def _without_calls(source: str, tree: ast.Module) -> tuple[str, list[Remark]]:
    positions, lines = Positions(source), source.split("\n")
    remarks, edits = [], []
    for call in sorted(_command_calls(tree), key=positions.span):
        begin, end = positions.span(call)
        remarks.append(_remark(lines[call.lineno - 1], call.lineno))
        further = source.count("\n", begin, end)  # brackets hold a statement together over the same lines
        edits.append((begin, end, "(None" + further * "\n" + ")" if further else "None"))
    return replaced(source, edits), remarks


def _command_calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Yield the statements, and the right sides of assignments, of the form ``get_ipython().run_line_magic(...)``."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call) if _is_command(call):
                yield call


def _is_command(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"))):
            return True
    return False
