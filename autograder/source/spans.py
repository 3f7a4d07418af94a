"""Positions of the nodes and tokens of Python source in its text, so that a change is one replacement of characters.

The syntax tree counts columns in UTF-8 bytes; all positions here are counted in characters.
"""

from __future__ import annotations

import ast
import io
import itertools
import tokenize
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from autograder.source.lines import Place, split_lines, with_line_feeds
from autograder.source.parsing import parse_python
from autograder.source.scopes import imported_names

Span = tuple[int, int]

_NO_CODE = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT}
)


class Positions:
    r"""Positions in a text whose lines end with ``\n``, from its beginning; ``first`` is the number of its first line.

    Takes time in proportion to the text and to the number of questions, however long its lines are.
    """

    def __init__(self, text: str, first: int = 1) -> None:
        self.text = text
        self._first = first
        self._lines = text.split("\n")
        self._starts = [0, *itertools.accumulate(len(line) + 1 for line in self._lines)]
        self._characters: dict[int, list[int]] = {}

    def start(self, line: int) -> int:
        """Where a line begins; one after the last begins where the text ends."""
        return self._starts[line - self._first]

    def column(self, line: int, utf8_column: int) -> int:
        """Return the column in characters of a column in UTF-8 bytes."""
        text = self._lines[line - self._first]
        if text.isascii():
            return utf8_column
        if line not in self._characters:
            indices = [index for index, character in enumerate(text) for _ in character.encode()]
            self._characters[line] = [*indices, len(text)]
        characters = self._characters[line]
        return characters[min(utf8_column, len(characters) - 1)]

    def span(self, node: ast.AST) -> Span:
        """Where an expression, a statement or a keyword begins and ends, without parentheses around it."""
        first, last = getattr(node, "lineno"), getattr(node, "end_lineno")  # noqa: B009  # not every node has them
        columns = getattr(node, "col_offset"), getattr(node, "end_col_offset")  # noqa: B009
        return self.start(first) + self.column(first, columns[0]), self.start(last) + self.column(last, columns[1])

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        begin, end = self.span(node)
        return self.text[begin:end]

    def lines(self, statement: ast.stmt) -> Span:
        """Where the lines of a statement begin and end, decorators included."""
        return self.start(first_line(statement)), self.start(last_line(statement) + 1)

    def place(self, position: int) -> tuple[int, int]:
        """Line and column, both from 1."""
        line = bisect_right(self._starts, position, hi=len(self._lines))
        return line + self._first - 1, position - self._starts[line - 1] + 1


def replaced(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return the text with each span, in their order, replaced by what comes with it."""
    pieces, done = list[str](), 0
    for begin, end, new in edits:
        pieces += (text[done:begin], new)
        done = end
    return "".join((*pieces, text[done:]))


@dataclass(frozen=True)
class Comment:
    """A comment token; ``alone`` says that nothing stands before it on its line."""

    line: int
    column: int
    text: str
    alone: bool


@dataclass(frozen=True)
class Source:
    """A parsed file or cell. ``lines`` are the original ones, ends included; line numbers start at 1.

    ``plain`` has line feeds for all line ends and fillers for magics; its columns are those of the original lines.
    """

    place: Place
    lines: tuple[str, ...]
    plain: str
    tree: ast.Module

    @classmethod
    def parse(cls, text: str, place: Place, *, stand_in: str | None = None) -> Source:
        """Parse ``text``; ``stand_in`` is parsed in its place where the text is no pure Python (magics).

        Raises `UserError` naming the line where the text does not parse.
        """
        plain = with_line_feeds(stand_in or text)
        plain += "\n" if plain and not plain.endswith("\n") else ""
        return cls(place, split_lines(text), plain, parse_python(plain, place))

    @cached_property
    def positions(self) -> Positions:
        """The positions of nodes in ``plain``."""
        return Positions(self.plain)

    @cached_property
    def modules(self) -> frozenset[str]:
        """Names that its imports bind: what is called on them is a function, not a method."""
        return imported_names(self.tree)

    def span(self, node: ast.AST) -> Span:
        """Where a node is in ``plain``; see `Positions.span`."""
        return self.positions.span(node)

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.positions.of(node)

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        """The comment tokens."""
        return tuple(_comment(token) for token in self._tokens if token.type == tokenize.COMMENT)

    @cached_property
    def code(self) -> tuple[tokenize.TokenInfo, ...]:
        """The tokens of code: neither comments nor layout."""
        return tuple(token for token in self._tokens if token.type not in _NO_CODE)

    @cached_property
    def _tokens(self) -> tuple[tokenize.TokenInfo, ...]:
        return tuple(tokenize.generate_tokens(io.StringIO(self.plain).readline))

    def code_in(self, first: int, last: int) -> tuple[tokenize.TokenInfo, ...]:
        """Return the tokens of code that lie wholly within lines ``first`` to ``last``."""
        return tuple(token for token in self.code if first <= token.start[0] and token.end[0] <= last)

    def tokens(self, begin: int, end: int) -> list[tuple[str, int, int]]:
        """The tokens of code within a span: text, beginning, end."""
        first = bisect_left(self._placed, begin, key=lambda token: token[1])
        following = itertools.islice(self._placed, first, None)
        return list(itertools.takewhile(lambda token: token[2] <= end, following))

    def operator(self, left: ast.AST, right: ast.AST) -> Span:
        """Where the operator between two operands lies (``is not`` is one)."""
        between = self.tokens(self.span(left)[1], self.span(right)[0])
        inner = [token for token in between if token[0] not in ("(", ")")]
        return inner[0][1], inner[-1][2]

    def arguments(self, call: ast.Call) -> list[Span]:
        """The arguments of a call in the order of the text, with their names; [] where that cannot be told."""
        tokens = self.tokens(self.span(call.func)[1], self.span(call)[1])
        while tokens and tokens[0][0] != "(":
            tokens.pop(0)
        depth, pieces, current = 0, [], list[tuple[str, int, int]]()
        for token in tokens[1:-1]:
            depth += (token[0] in ("(", "[", "{")) - (token[0] in (")", "]", "}"))
            if token[0] == "," and depth == 0:
                pieces.append(current)
                current = []
            else:
                current.append(token)
        spans = [(piece[0][1], piece[-1][2]) for piece in (*pieces, current) if piece]
        return spans if len(spans) == len(call.args) + len(call.keywords) else []

    @cached_property
    def _placed(self) -> tuple[tuple[str, int, int], ...]:
        def position(place: tuple[int, int]) -> int:
            return self.positions.start(place[0]) + place[1]

        return tuple((token.string, position(token.start), position(token.end)) for token in self.code)


def first_line(statement: ast.stmt) -> int:
    """Return the first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(statement: ast.stmt) -> int:
    """Return the last line of a statement."""
    return statement.end_lineno or statement.lineno


def _comment(token: tokenize.TokenInfo) -> Comment:
    line, column = token.start
    return Comment(line, column, token.string, alone=not token.line[:column].strip())
