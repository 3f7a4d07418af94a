"""The confidential texts of one assignment, which must never reach students, each with the place that it came from."""

from __future__ import annotations

import ast
import hashlib
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograder.release.files import Tree
from autograder.release.fingerprints import Shape, code_text, compact, is_docstring, shapes
from autograder.release.stubs import Removed
from autograder.source.lines import Place, split_lines, with_line_feeds
from autograder.source.parsing import parse_or_none, parse_python
from autograder.source.scopes import block_lists
from autograder.source.spans import Positions
from autograder.texts import parse_toml

# Sizes count statements and expressions; see `fingerprints.MINIMUM_SIZE`, which is enough for a piece of an answer.
# Where only the names of variables differ, more must be the same.
BLIND_ANSWER_SIZE = 14
# Hidden checks share calls of the vocabulary with public ones; what they do not share is a formula or this much code.
HIDDEN_SIZE = 25
FORMULA_SIZE = 10
FORMULA_OPERATIONS = 2
# Given code may repeat a fragment of the reference's solution (an idiom), but nothing as long as this. What it shares
# with other private files, such as alternatives, is no secret at any length.
IDIOM_SIZE = 30
ANSWER_CHARACTERS = 20
LINE_CHARACTERS = 24
PROSE_CHARACTERS = 30
HIDDEN_CHARACTERS = 40
# Of a picture or another payload without spaces, its beginning is enough to know it by.
PAYLOAD_CHARACTERS = 200

# Their values are compared; `x = idiom` is as common as the idiom.
_ONLY_AROUND_A_VALUE = (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr, ast.Import, ast.ImportFrom)
_MARKER_LINE = re.compile(r"^\s*#+\s*((BEGIN|END)\s+SOLUTION|PROMPT:).*$", re.MULTILINE)


@dataclass
class Secrets:
    """Digests, shapes of code and fragments of text, each with its origin.

    ``check_lines`` are lines of hidden checks and oracles: public checks and the engine may hold the like.
    """

    digests: dict[str, str] = field(default_factory=dict)
    exact: dict[int, str] = field(default_factory=dict)
    blind: dict[int, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    check_lines: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.digests) + len(self.exact) + len(self.fragments) + len(self.check_lines)

    def shortest_fragments(self) -> dict[str, str]:
        """Return the fragments without those that contain another: whoever finds the longer finds the shorter."""
        kept: dict[str, str] = {}
        for fragment in sorted(self.fragments, key=lambda text: (len(text), text)):
            if not any(shorter in fragment for shorter in kept):
                kept[fragment] = self.fragments[fragment]
        return kept


class Given:
    """Code that students get by design: the unmarked part of the reference and the provided files."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        """Take the code's trees; comments and docstrings in it are not code, so they are never "given"."""
        self._shapes: set[int] = set()
        text: list[str] = []
        for tree in trees:
            for shape in shapes([tree]):
                self._shapes |= {shape.exact, shape.blind}
            text.append(code_text(tree))
        self._text = "\n".join(text)

    def shows(self, digest: int) -> bool:
        """Whether a shape is in the given code."""
        return digest in self._shapes

    def shows_text(self, fragment: str) -> bool:
        """Whether compact text stands in the given code."""
        return fragment in self._text


@dataclass(frozen=True)
class _Code:
    """Statements and where they are in their text."""

    statements: Sequence[ast.stmt]
    positions: Positions

    @classmethod
    def of_text(cls, text: str) -> _Code:
        """Return the statements of text that is Python; of other text, none."""
        dedented = textwrap.dedent(with_line_feeds(text))
        tree = parse_or_none(dedented)
        return cls(() if tree is None else tree.body, Positions(dedented))


class Collector:
    """Collects the secrets of one assignment; what the given code shows anyway is no secret."""

    def __init__(self, given: Given) -> None:
        """Start with no secret."""
        self.secrets = Secrets()
        self._given = given

    def add_removed(self, pieces: Iterable[Removed]) -> None:
        """Add what was taken out of the reference: code, written answers, outputs, pictures."""
        for piece in pieces:
            code = _Code.of_text(piece.text)
            if piece.statements:
                code = _Code(piece.statements, Positions(with_line_feeds(piece.text), piece.line))
            self._add_answer(code, piece.origin, longest_idiom=IDIOM_SIZE)
            self._add_lines(code, piece.origin)
            text = _MARKER_LINE.sub("", piece.text)
            comments = re.findall(r"#+(.*)", text) if piece.statements else [text]
            self._add_prose("\n".join(comments), piece.origin)

    def add_files(self, tree: Tree) -> None:
        """Add files by what they contain, whatever they are called in a release."""
        for name, data in tree.items():
            if len(data.strip()) >= PROSE_CHARACTERS:  # an empty __init__.py is everywhere
                self.secrets.digests[hashlib.sha256(data).hexdigest()] = name

    def add_solution(self, name: str, text: str) -> None:
        """Add a whole file that answers: an alternative, or a module of the reference that is not handed in."""
        self._add_answer(_Code.of_text(text), name)

    def add_mutants(self, name: str, text: str) -> None:
        """Add the code in a list of mutants: nearly right, and next to it what is right."""
        for value in _strings(parse_toml(text, name)):
            self._add_answer(_Code.of_text(value), name)

    def add_answer_key(self, name: str, text: str) -> None:
        """Add written answers; headings and quotations repeat the questions, so they are no secret."""
        lines = (line for line in split_lines(text) if not line.lstrip().startswith(("#", ">")))
        self._add_prose("".join(lines), name)

    def add_settings(self, name: str, text: str) -> None:
        """Add the values of a TOML file, such as the grading seed."""
        for value in _strings(parse_toml(text, name)):
            if len(value) >= 8:
                self.secrets.fragments[compact(value)] = name

    def add_checks(self, name: str, text: str) -> None:
        """Add a hidden check or an oracle: whole tests, long statements, formulas, and its lines."""
        tree, positions = parse_python(text, Place(name)), Positions(with_line_feeds(text))
        tests = {id(part) for test in tree.body if _is_test(test) for part in ast.walk(test)}
        for shape in shapes([tree]):
            formula = shape.size >= FORMULA_SIZE and shape.operations >= FORMULA_OPERATIONS
            # Helpers may be in public checks, too, and so may blocks of calls that set something up.
            long = shape.size >= HIDDEN_SIZE and not any(block_lists(shape.node)) and id(shape.node) in tests
            if formula or long or _is_test(shape.node):
                self._add_shape(shape, f"{name}, line {shape.line}", blind_size=HIDDEN_SIZE)
        for statement in ast.walk(tree):
            if isinstance(statement, (ast.Assign, ast.AugAssign, ast.Assert, ast.Return)):
                for line in _texts(positions, statement):
                    if len(line) >= HIDDEN_CHARACTERS and not self._given.shows_text(line):
                        self.secrets.check_lines[line] = f"{name}, line {statement.lineno}"

    def _add_answer(self, code: _Code, origin: str, *, longest_idiom: float = math.inf) -> None:
        for shape in shapes(code.statements):
            if isinstance(shape.node, _ONLY_AROUND_A_VALUE):
                continue
            self._add_shape(shape, origin, blind_size=BLIND_ANSWER_SIZE, longest_idiom=longest_idiom)
            texts = _texts(code.positions, shape.node)
            if shape.size < longest_idiom and any(map(self._given.shows_text, texts)):
                continue  # given code is known as Python would write it
            for fragment in texts:
                if len(fragment) >= ANSWER_CHARACTERS:
                    self.secrets.fragments[fragment] = origin

    def _add_lines(self, code: _Code, origin: str) -> None:
        """Add statements as text: `roots = torch.rsqrt(alphas)` is too small to know by shape, and an answer."""
        for node in (node for statement in code.statements for node in ast.walk(statement)):
            value = getattr(node, "value", None)
            if not isinstance(node, (*_ONLY_AROUND_A_VALUE, ast.AugAssign)) or not isinstance(value, ast.expr):
                continue
            if not self._given.shows_text(compact(ast.unparse(value))):
                lines = (line for line in _texts(code.positions, node) if len(line) >= LINE_CHARACTERS)
                self.secrets.fragments |= dict.fromkeys(lines, origin)

    def _add_shape(self, shape: Shape, origin: str, *, blind_size: int, longest_idiom: float = math.inf) -> None:
        may_be_given = shape.size < longest_idiom
        if not (may_be_given and self._given.shows(shape.exact)):
            self.secrets.exact[shape.exact] = origin
        declares = isinstance(shape.node, ast.ClassDef) and all(map(_only_declares, shape.node.body))
        if shape.size >= blind_size and not declares and not (may_be_given and self._given.shows(shape.blind)):
            self.secrets.blind[shape.blind] = origin

    def _add_prose(self, text: str, origin: str) -> None:
        for line in split_lines(text):
            for sentence in re.split(r"(?<=[.!?;])\s+", line):
                fragment = compact(sentence)[:PAYLOAD_CHARACTERS]
                if len(fragment) >= PROSE_CHARACTERS:
                    self.secrets.fragments[fragment] = origin


def _only_declares(node: ast.stmt) -> bool:
    """Whether it is ``name: Type`` or a docstring: whoever declares as many fields says the same but for names."""
    return (isinstance(node, ast.AnnAssign) and node.value is None) or is_docstring(node)


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test")


def _texts(positions: Positions, node: ast.stmt | ast.expr) -> tuple[str, str]:
    """Return the compact text of a node as Python would write it and as it was written."""
    return compact(ast.unparse(node)), compact(positions.of(node))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
