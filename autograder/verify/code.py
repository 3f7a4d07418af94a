"""Where the nodes of a syntax tree lie in the text, so that a change is one exact replacement of characters."""

from __future__ import annotations

import ast
import itertools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

from autograder.release.source import Source, first_line, last_line

Span = tuple[int, int]


@dataclass(frozen=True)
class Code:
    """A parsed file. Positions are counted in characters of ``text`` from its beginning."""

    source: Source

    @property
    def text(self) -> str:
        """The file, with every line end as a line feed."""
        return self.source.plain

    @cached_property
    def modules(self) -> frozenset[str]:
        """Names that the file's imports bind: what is called on them is a function, not a method."""
        imports = (node for node in ast.walk(self.source.tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
        aliases = itertools.chain.from_iterable(node.names for node in imports)
        return frozenset((alias.asname or alias.name).partition(".")[0] for alias in aliases)

    def span(self, node: ast.AST) -> Span:
        """Where an expression, a statement or a keyword begins and ends, without parentheses around it."""
        first, last = getattr(node, "lineno"), getattr(node, "end_lineno")  # noqa: B009  # not every node has them
        columns = getattr(node, "col_offset"), getattr(node, "end_col_offset")  # noqa: B009
        begin, end = self.source.characters(first, columns[0]), self.source.characters(last, columns[1])
        return self._starts[first - 1] + begin, self._starts[last - 1] + end

    def lines(self, statement: ast.stmt) -> Span:
        """Where the lines of a statement begin and end, decorators included."""
        return self._starts[first_line(statement) - 1], self._starts[last_line(statement)]

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        begin, end = self.span(node)
        return self.text[begin:end]

    def place(self, position: int) -> tuple[int, int]:
        """Line and column, both from 1."""
        line = bisect_right(self._starts, position)
        return line, position - self._starts[line - 1] + 1

    def tokens(self, begin: int, end: int) -> list[tuple[str, int, int]]:
        """The tokens of code within a span: text, beginning, end."""
        first = bisect_left(self._tokens, begin, key=lambda token: token[1])
        following = itertools.islice(self._tokens, first, None)
        return list(itertools.takewhile(lambda token: token[2] <= end, following))

    def operator(self, left: ast.AST, right: ast.AST) -> Span:
        """Where the operator between two operands lies (``is not`` is one)."""
        between = self.tokens(self.span(left)[1], self.span(right)[0])
        inner = [token for token in between if token[0] not in ("(", ")")]
        return inner[0][1], inner[-1][2]

    def pieces(self, call: ast.Call) -> list[Span]:
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
    def _starts(self) -> tuple[int, ...]:
        lengths = (len(line) + 1 for line in self.text.split("\n"))
        return tuple(itertools.accumulate(lengths, initial=0))

    @cached_property
    def _tokens(self) -> tuple[tuple[str, int, int], ...]:
        def position(place: tuple[int, int]) -> int:
            return self._starts[place[0] - 1] + place[1]

        return tuple((token.string, position(token.start), position(token.end)) for token in self.source.code)
