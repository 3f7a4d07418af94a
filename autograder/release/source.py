"""Python source as text, tokens and syntax tree that agree on lines and columns."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property

from autograder.errors import UserError
from autograder.release.grammar import Place

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_NO_CODE = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT}
)


@dataclass(frozen=True)
class Comment:
    """A comment token; ``alone`` says that nothing stands before it on its line."""

    line: int
    column: int
    text: str
    alone: bool


@dataclass(frozen=True)
class Source:
    """A parsed file or cell. ``lines`` are the original ones, ends included; line numbers start at 1."""

    place: Place
    lines: tuple[str, ...]
    plain: str
    tree: ast.Module

    @classmethod
    def parse(cls, text: str, place: Place, *, stand_in: str | None = None) -> Source:
        """Parse ``text``; ``stand_in`` is parsed in its place where the text is no pure Python (magics).

        Raises `UserError` naming the line where the text does not parse.
        """
        # Python reads every line end as \n; columns are the same, so positions hold for the original lines.
        plain = "".join(f"{line}\n" for line in map(_without_end, split_lines(stand_in or text)))
        return cls(place, split_lines(text), plain, parse_python(plain, place))

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

    def characters(self, line: int, utf8_column: int) -> int:
        """Return the column in characters of a column in UTF-8 bytes, which is what the syntax tree counts in."""
        return len(self.lines[line - 1].encode()[:utf8_column].decode(errors="ignore"))


def parse_python(text: str, place: Place) -> ast.Module:
    """Return the syntax tree; raise `UserError` naming the line where the text does not parse."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UserError(f"{place.line(error.lineno or 1)}: not valid Python: {error.msg}") from None
    except ValueError as error:
        raise UserError(f"{place.line(1)}: not valid Python: {error}") from None


def split_lines(text: str) -> tuple[str, ...]:
    """Split after ``\\n``, ``\\r\\n`` and ``\\r`` only (`str.splitlines` splits at form feeds, too), ends kept."""
    return tuple(_LINE.findall(text))


def line_end(line: str) -> str:
    """Return the line's own end; ``""`` for a last line without one."""
    return line[len(_without_end(line)) :]


def first_line(statement: ast.stmt) -> int:
    """Return the first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(statement: ast.stmt) -> int:
    """Return the last line of a statement."""
    return statement.end_lineno or statement.lineno


def _without_end(line: str) -> str:
    return line.rstrip("\r\n")


def _comment(token: tokenize.TokenInfo) -> Comment:
    line, column = token.start
    return Comment(line, column, token.string, alone=not token.line[:column].strip())
