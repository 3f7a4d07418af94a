"""Other ways to write the same function: algebraically equal forms, made from the syntax tree.

Every form keeps the mathematics and changes the arithmetic: what it computes is equal up to rounding. A form is applied
to the functions and module-level statements in which a wrong variant differs from the reference.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Callable, Iterator

METHODS = frozenset(
    [
        "exp",
        "log",
        "sqrt",
        "rsqrt",
        "square",
        "abs",
        "sum",
        "mean",
        "clamp",
        "cumprod",
        "flatten",
        "reshape",
        "sigmoid",
        "expm1",
        "log1p",
        "tanh",
        "pow",
        "sin",
        "cos",
    ]
)
"""Functions of torch that are methods of a tensor, too, with the tensor as first argument."""
_MODULES = frozenset({"torch", "F", "np", "math", "nn", "plt", "self"})
_SEQUENCES = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.JoinedStr)

Form = Callable[[ast.stmt], ast.stmt]


def other_forms(wrong: str, right: str) -> dict[str, str]:
    """Return the forms of a wrong variant that differ from it, by name; ``right`` is the source without the mistake."""
    found = {}
    for name, form in FORMS.items():
        text = rewritten(wrong, right, form)
        if text != wrong:
            found[name] = text
    return found


def rewritten(wrong: str, right: str, form: Form) -> str:
    """Return ``wrong`` with a form applied to every statement that is not in ``right``, nothing else touched."""
    known = {ast.dump(node) for node in _units(ast.parse(right))}
    lines = wrong.split("\n")
    changed = [node for node in _units(ast.parse(wrong)) if ast.dump(node) not in known]
    for node in reversed(changed):
        before = ast.unparse(node)
        after = ast.unparse(ast.fix_missing_locations(form(copy.deepcopy(node))))
        if after == before or node.end_lineno is None:
            continue
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        lines[start : node.end_lineno] = textwrap.indent(after, " " * node.col_offset).split("\n")
    return "\n".join(lines)


def _units(tree: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    """The functions of a module and of its classes, and the module's own statements."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from (part for part in _units(node) if isinstance(part, ast.FunctionDef))
        elif isinstance(node, (ast.FunctionDef, ast.Assign)):
            yield node


class _Expressions(ast.NodeTransformer):
    """Leaves alone what is no arithmetic: annotations, defaults, decorators, subscripts."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)
        return node


class Commuted(_Expressions):
    """Sums and products the other way round; a difference as a sum with the negative."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not _is_arithmetic(node):
            return node
        if isinstance(node.op, (ast.Add, ast.Mult)):
            node.left, node.right = node.right, node.left
        elif isinstance(node.op, ast.Sub):
            return ast.BinOp(ast.UnaryOp(ast.USub(), node.right), ast.Add(), node.left)
        return node


class Divided(_Expressions):
    """Quotients as products with the reciprocal; methods for functions of torch; roots and squares as powers."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            return ast.BinOp(node.left, ast.Mult(), ast.BinOp(ast.Constant(1.0), ast.Div(), node.right))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name, value = _applied(node)
        if value is None:
            return node
        if name == "sqrt" and len(node.args) <= 1:
            return ast.BinOp(value, ast.Pow(), ast.Constant(0.5))
        if name == "square":
            return ast.BinOp(value, ast.Pow(), ast.Constant(2))
        if name in METHODS and _of_torch(node):
            return ast.Call(ast.Attribute(value, name), node.args[1:], node.keywords)
        return node


class Stepwise(_Expressions):
    """One operation a line, methods as functions of torch, squares as products, products over sums multiplied out."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = _split(super().visit_FunctionDef(node).body)  # type: ignore[attr-defined]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and node.right.value == 2:
            return ast.BinOp(node.left, ast.Mult(), copy.deepcopy(node.left)) if _pure(node.left) else node
        inner = node.right
        if not (isinstance(node.op, ast.Mult) and isinstance(inner, ast.BinOp) and _pure(node.left)):
            return node
        if isinstance(inner.op, (ast.Add, ast.Sub)) and _is_arithmetic(inner):
            left = ast.BinOp(node.left, ast.Mult(), inner.left)
            return ast.BinOp(left, inner.op, ast.BinOp(copy.deepcopy(node.left), ast.Mult(), inner.right))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name, value = _applied(node)
        if value is None:
            return node
        if name == "square" and _pure(value):
            return ast.BinOp(value, ast.Mult(), copy.deepcopy(value))
        if name in METHODS and not _of_torch(node) and not _may_be_module(value):
            return ast.Call(ast.Attribute(ast.Name("torch"), name), [value, *node.args], node.keywords)
        return node


FORMS: dict[str, Form] = {
    "commuted": lambda node: Commuted().visit(node),
    "divided": lambda node: Divided().visit(node),
    "stepwise": lambda node: Stepwise().visit(node),
}


def _split(body: list[ast.stmt]) -> list[ast.stmt]:
    """Give the operands of the last operation of every statement names of their own."""
    found: list[ast.stmt] = []
    for number, statement in enumerate(body):
        value = getattr(statement, "value", None)
        if isinstance(statement, (ast.Return, ast.Assign)) and isinstance(value, ast.BinOp):
            for side in ("left", "right"):
                operand = getattr(value, side)
                if not isinstance(operand, (ast.Constant, ast.Name)):
                    name = f"{side}_{number}"
                    found.append(ast.Assign([ast.Name(name, ast.Store())], operand))
                    setattr(value, side, ast.Name(name))
        found.append(statement)
    return found


def _is_arithmetic(node: ast.BinOp) -> bool:
    """Whether a sum or product is surely one of numbers, and no join or repetition of sequences."""
    return not any(
        isinstance(part, _SEQUENCES) or (isinstance(part, ast.Constant) and isinstance(part.value, (str, bytes)))
        for side in (node.left, node.right)
        for part in ast.walk(side)
    )


def _applied(node: ast.Call) -> tuple[str, ast.expr | None]:
    """The name of a function and the tensor that it is applied to, for ``torch.f(x)`` and ``x.f()`` alike."""
    function = node.func
    if not isinstance(function, ast.Attribute):
        return "", None
    if isinstance(function.value, ast.Name) and function.value.id in _MODULES:
        return function.attr, node.args[0] if _of_torch(node) and node.args else None
    return function.attr, function.value


def _of_torch(node: ast.Call) -> bool:
    function = node.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "torch"


def _may_be_module(value: ast.expr) -> bool:
    """Whether an expression may be a module or an optimiser, whose methods are no functions of torch."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "super"


def _pure(value: ast.expr) -> bool:
    """Whether an expression may be evaluated twice: it calls nothing that draws or that is a model."""
    names = (part.func for part in ast.walk(value) if isinstance(part, ast.Call))
    return all(isinstance(name, ast.Attribute) and name.attr in METHODS for name in names)
