"""Small changes to Python code, one at a time: the generic mistakes that automatic mutants are made of.

Mutation libraries (mutmut, cosmic-ray) change whole files, know neither marked regions nor torch, and one of them
brings a database and a web client; these operators are few, and each edit is an exact replacement of characters.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from autograder.source.scopes import assigned_names
from autograder.source.spans import Source

UNTOUCHED_KEYWORDS = frozenset({"device"})
RELATIVES: dict[str, tuple[str, ...]] = {
    "sum": ("mean",),
    "mean": ("sum",),
    "prod": ("sum",),
    "cumsum": ("cumprod",),
    "cumprod": ("cumsum",),
    "logsumexp": ("sum", "mean"),
    "max": ("min",),
    "min": ("max",),
    "any": ("all",),
    "all": ("any",),
    "exp": ("expm1",),
    "expm1": ("exp",),
    "log": ("log1p",),
    "log1p": ("log",),
    "sqrt": ("square",),
    "rsqrt": ("sqrt",),
    "square": ("abs",),
    "abs": ("square",),
    "sin": ("cos",),
    "cos": ("sin",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like", "randn_like"),
    "ones_like": ("zeros_like",),
    "randn": ("zeros", "rand"),
    "randn_like": ("zeros_like", "rand_like"),
    "rand": ("randn",),
    "rand_like": ("randn_like",),
    "stack": ("cat",),
    "cat": ("stack",),
    "smooth_l1_loss": ("l1_loss", "mse_loss"),
    "mse_loss": ("l1_loss",),
    "l1_loss": ("mse_loss",),
    "softmax": ("log_softmax",),
    "log_softmax": ("softmax",),
}
"""Functions that are taken for each other, with the same arguments."""
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "/",
    ast.Mod: "//",
    ast.Pow: "*",
    ast.MatMult: "*",
}
COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_ENCLOSED = (ast.Call, ast.keyword, ast.Assign, ast.Tuple, ast.List, ast.Return)
_ATOMS = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Dict, ast.ListComp)


@dataclass(frozen=True)
class Edit:
    """The characters from ``begin`` to ``end`` become ``text``; ``place`` is what is changed, such as an operator."""

    operator: str
    begin: int
    end: int
    text: str
    inside: int | None = None

    @property
    def place(self) -> int:
        """The position that names the edit, together with the operator."""
        return self.begin if self.inside is None else self.inside


Operator = Callable[[ast.AST, ast.AST, Source], Iterator[Edit]]


def edits(statements: Sequence[ast.stmt], code: Source, names: Iterable[str] = ()) -> Iterator[Edit]:
    """Yield every edit of the statements, in no special order; some may not parse, or say the same as another.

    ``names`` are those with a meaning there next to what the statements bind: parameters, say. Never touched: texts
    and docstrings, annotations, what is raised, and where tensors lie (``device=``).
    """
    module = ast.Module(list(statements), [])
    known = sorted({*names, *assigned_names(statements)})
    attributes = sorted({node.attr for node in ast.walk(module) if _is_of_self(node)})
    for node, parent in _walk(module):
        for operator in OPERATORS:
            yield from operator(node, parent, code)
        yield from _others(node, parent, code, known, attributes)


def _walk(parent: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or (isinstance(node, ast.keyword) and node.arg in UNTOUCHED_KEYWORDS):
                continue
            yield node, parent
            if not isinstance(node, (ast.JoinedStr, ast.Raise)):
                yield from _walk(node)


def constants(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """A number plus one, zero, doubled, with the other sign; the other truth value; 0 for a None that is passed on."""
    if not isinstance(node, ast.Constant):
        return
    span, value = code.span(node), node.value
    if isinstance(value, bool):
        yield Edit("constant-not", *span, str(not value))
    elif value is None and isinstance(parent, (ast.Call, ast.keyword, ast.arguments)):
        yield Edit("constant-none", *span, "0")
    elif isinstance(value, (int, float)):
        changes = {"constant-plus-one": value + 1, "constant-zero": value * 0, "constant-double": value * 2}
        if not (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)):
            changes["constant-sign"] = -value
        for operator, changed in changes.items():
            if changed != value:
                text = repr(changed)
                bare = changed >= 0 or isinstance(parent, _ENCLOSED)
                yield Edit(operator, *span, text if bare else f"({text})")


def arithmetic(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """The opposite operation; one operand alone."""
    if isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield Edit("arithmetic", *code.operator(node.target, node.value), ARITHMETIC[type(node.op)] + "=")
    if not isinstance(node, ast.BinOp):
        return
    begin, end = code.operator(node.left, node.right)
    if type(node.op) in ARITHMETIC:
        yield Edit("arithmetic", begin, end, ARITHMETIC[type(node.op)])
    whole = code.span(node)
    yield Edit("left-alone", _trimmed_end(code, whole[0], begin), whole[1], "")
    yield Edit("right-alone", whole[0], _next_token(code, end), "", begin)


def comparisons(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """The opposite comparison, and the one with or without equality."""
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            for number, text in enumerate(COMPARISONS[type(operator)]):
                yield Edit(f"comparison{'' if number == 0 else '-turned'}", *code.operator(left, right), text)


def logic(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """``or`` for ``and``; a condition turned round; ``-`` and ``not`` left out."""
    if isinstance(node, ast.BoolOp):
        for left, right in pairwise(node.values):
            yield Edit("logic", *code.operator(left, right), "or" if isinstance(node.op, ast.And) else "and")
    if isinstance(node, (ast.If, ast.While, ast.IfExp)) and not isinstance(node.test, ast.Compare):
        yield Edit("condition", *code.span(node.test), f"not ({code.of(node.test)})")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        sign = code.tokens(*code.span(node))[0]
        yield Edit("unary", sign[1], _next_token(code, sign[2]), "")


def calls(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """A call left out, so that what it was applied to stays; a relative in its place."""
    if not isinstance(node, ast.Call):
        return
    whole, place = code.span(node), _name_begin(node.func, code)
    method = isinstance(node.func, ast.Attribute) and not _is_of_module(node.func, code)
    if method and isinstance(node.func, ast.Attribute):
        yield Edit("method-dropped", _trimmed_end(code, whole[0], _dot(node.func, code)), whole[1], "")
    if node.args and not isinstance(node.args[0], ast.Starred):
        argument = code.of(node.args[0])
        text = argument if isinstance(node.args[0], _ATOMS) else f"({argument})"
        yield Edit("call-dropped", *whole, text, place)
    name = code.plain[place : code.span(node.func)[1]]
    for relative in RELATIVES.get(name, ()):
        yield Edit(f"{name}-{relative}", place, place + len(name), relative)


def arguments(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """Neighbouring arguments swapped; an argument left out."""
    if not isinstance(node, ast.Call) or not (pieces := code.arguments(node)):
        return
    inputs = sorted([*node.args, *node.keywords], key=lambda part: code.span(part)[0])
    for number, (begin, end) in enumerate(pieces):
        part = inputs[number]
        following = pieces[number + 1] if number + 1 < len(pieces) else None
        if following and not isinstance(part, ast.keyword) and not isinstance(inputs[number + 1], ast.keyword):
            yield Edit("arguments-swapped", begin, following[1], _swapped(code, (begin, end), following))
        if isinstance(part, ast.keyword) and part.arg in UNTOUCHED_KEYWORDS:
            continue
        if number > 0:
            yield Edit("argument-dropped", pieces[number - 1][1], end, "")
        elif following or isinstance(part, ast.keyword):
            yield Edit("argument-dropped", begin, following[0] if following else end, "")


def sequences(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """Neighbours in a tuple swapped; an index or a slice left out."""
    if isinstance(node, ast.Tuple) and not (
        isinstance(node.ctx, ast.Store) and isinstance(parent, ast.Assign) and isinstance(parent.value, ast.Tuple)
    ):
        spans = [code.span(element) for element in node.elts]
        for left, right in pairwise(spans):
            yield Edit("elements-swapped", left[0], right[1], _swapped(code, left, right))
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        bracket = next(t for t in code.tokens(code.span(node.value)[1], code.span(node)[1]) if t[0] == "[")
        yield Edit("index-dropped", _trimmed_end(code, code.span(node)[0], bracket[1]), code.span(node)[1], "")


def statements(node: ast.AST, parent: ast.AST, code: Source) -> Iterator[Edit]:
    """A statement left out; a ``with`` whose body runs without it."""
    if not isinstance(node, ast.stmt) or isinstance(node, ast.Pass):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    yield Edit("statement-dropped", *code.span(node), "pass")
    if isinstance(node, ast.With):
        begin, end = code.span(node)[0], code.span(node.body[0])[0]
        colon = [token for token in code.tokens(begin, end) if token[0] == ":"][-1]
        yield Edit("with-dropped", begin, colon[1], "if True")


OPERATORS: tuple[Operator, ...] = (constants, arithmetic, comparisons, logic, calls, arguments, sequences, statements)


def _others(
    node: ast.AST, parent: ast.AST, code: Source, names: Sequence[str], attributes: Sequence[str]
) -> Iterator[Edit]:
    """Another variable in place of one, and another attribute of ``self``."""
    called = isinstance(parent, ast.Call) and parent.func is node
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names and not called:
        for name in names:
            if name != node.id:
                yield Edit(f"name-{name}", *code.span(node), name)
    if _is_of_self(node):
        end = code.span(node)[1]
        for attribute in attributes:
            if attribute != node.attr:
                yield Edit(f"name-self-{attribute}", end - len(node.attr), end, attribute)


def _is_of_self(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _swapped(code: Source, left: tuple[int, int], right: tuple[int, int]) -> str:
    text = code.plain
    return text[right[0] : right[1]] + text[left[1] : right[0]] + text[left[0] : left[1]]


def _is_of_module(function: ast.Attribute, code: Source) -> bool:
    root: ast.expr = function
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in code.modules


def _name_begin(function: ast.expr, code: Source) -> int:
    begin, end = code.span(function)
    return end - len(function.attr) if isinstance(function, ast.Attribute) else begin


def _dot(function: ast.Attribute, code: Source) -> int:
    return next(
        token for token in code.tokens(code.span(function.value)[1], code.span(function)[1]) if token[0] == "."
    )[1]


def _trimmed_end(code: Source, begin: int, end: int) -> int:
    return begin + len(code.plain[begin:end].rstrip())


def _next_token(code: Source, position: int) -> int:
    return next(token[1] for token in code.tokens(position, len(code.plain)))
