"""Checks compare numbers with a limit through the vocabulary alone: a plain comparison lets NaN pass."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("assignments/*/checks/**/*.py", "autograder/checks/**/*.py", "autograder/concepts/*/*.py", "proofs/*/*/*.py")
SOURCES = sorted(path for place in PLACES for path in ROOT.glob(place))
ORDERS = (ast.Lt, ast.Gt, ast.LtE, ast.GtE)
COUNTS = ("ndim", "shape", "count")
"""Attributes that are whole numbers."""
ASSIGNED = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign)


def violations(source: str) -> list[int]:
    """Lines of conditions that lead to ``raise CheckFailed`` and rest on an ordering of numbers as it stands.

    Conditions are those of an ``if`` (also ``elif``, ``else`` and what follows an early ``return`` or ``continue``) in
    whose branches `CheckFailed` is raised, directly. A local name stands for all that its
    function assigns to it.
    """
    tree = ast.parse(source)
    found: set[int] = set()
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.Lambda)):
            values = assigned(function)
            for branch in (node for node in ast.walk(function) if isinstance(node, ast.If)):
                if decides(branch, function):
                    found.update(orderings(branch.test, values, frozenset()))
    return sorted(found)


def assigned(function: ast.AST) -> dict[str, list[ast.expr]]:
    """What is assigned to each local name of a function; an ``int`` parameter is like a constant."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name) and node.annotation.id == "int":
            values.setdefault(node.arg, []).append(ast.Constant(0))
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and isinstance(node.iter, ast.Tuple):
            values.setdefault(node.target.id, []).extend(node.iter.elts)
        if isinstance(node, ASSIGNED) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                for name, value in pairs:
                    for part in ast.walk(name):
                        if isinstance(part, ast.Name):
                            values.setdefault(part.id, []).append(value)
    return values


def decides(branch: ast.If, function: ast.AST) -> bool:
    """Whether a branch raises `CheckFailed`, or leaves early a block in which that comes later."""
    if any(fails(node) for part in (branch.body, branch.orelse) for node in part):
        return True
    if not any(isinstance(node, (ast.Return, ast.Continue, ast.Break)) for node in branch.body):
        return False
    blocks = [block for node in ast.walk(function) for block in bodies(node)]
    return any(fails(later) for block in blocks if branch in block for later in after(block, branch))


def after(block: list[ast.stmt], branch: ast.If) -> list[ast.stmt]:
    """The statements of a block that follow a branch; the ``else`` of a loop belongs to what a ``break`` skips."""
    return [node for node in block[block.index(branch) + 1 :] if isinstance(node, ast.Raise)]


def bodies(node: ast.AST) -> list[list[ast.stmt]]:
    """The blocks of a statement."""
    return [block for name in ("body", "orelse", "finalbody") if isinstance(block := getattr(node, name, None), list)]


def fails(node: ast.AST) -> bool:
    """Whether a statement is ``raise CheckFailed(...)``, or a block that has it."""
    return any(
        isinstance(part, ast.Raise)
        and isinstance(part.exc, ast.Call)
        and getattr(part.exc.func, "id", getattr(part.exc.func, "attr", "")) == "CheckFailed"
        for part in ast.walk(node)
    )


def orderings(test: ast.expr, values: dict[str, list[ast.expr]], seen: frozenset[str]) -> set[int]:
    """Lines of comparisons that a condition rests on and that NaN may pass."""
    found: set[int] = set()
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and any(isinstance(op, ORDERS) for op in node.ops):
            if not all(is_count(side, values) for side in (node.left, *node.comparators)):
                found.add(node.lineno)
        elif isinstance(node, ast.Name) and node.id not in seen:
            for value in values.get(node.id, []):
                found |= orderings(value, values, seen | {node.id}) if decides_truth(value) else set()
    return found


def decides_truth(value: ast.expr) -> bool:
    """Whether a value may be a truth or made of truths: anything but an index that was picked by one."""
    picked = isinstance(value, ast.Subscript) and any(isinstance(node, ast.Compare) for node in ast.walk(value.slice))
    return not picked


def is_count(side: ast.expr, values: dict[str, list[ast.expr]], seen: frozenset[str] = frozenset()) -> bool:
    """Whether an operand is a whole number or a constant by its form: ``3``, ``LIMIT``, ``len(x)``, ``x.shape[0]``."""

    def counts(*parts: ast.expr) -> bool:
        return all(is_count(part, values, seen) for part in parts)

    match side:
        case ast.Constant(value=value):
            return isinstance(value, (int, float))
        case ast.Name(id=name) if name in values and name not in seen:
            return all(is_count(value, values, seen | {name}) for value in values[name])
        case ast.Name(id=name):
            return name.isupper()
        case ast.BinOp(left=left, right=right):
            return counts(left, right)
        case ast.BoolOp(values=parts):
            return counts(*parts)
        case ast.Subscript(value=value):
            return counts(value)
        case ast.Call(func=ast.Name(id="sum"), args=[ast.GeneratorExp(elt=part)]):
            return counts(part)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in ("len", "int", "numel", "dim")
        case ast.Attribute(attr=name):
            return name in COUNTS
    return False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_threshold_goes_through_the_vocabulary(path: Path) -> None:
    lines = violations(path.read_text(encoding="utf-8"))
    assert not lines, f"use exceeds() or falls_below(): {path.relative_to(ROOT)}, lines {lines}"


FAILING = {
    "greater": "if error > LIMIT:\n    raise CheckFailed('x')",
    "less, of a tensor": "if bool((values < 0.1).any()):\n    raise CheckFailed('x')",
    "max": "if values.abs().max() > 0.1:\n    raise checks.CheckFailed('x')",
    "max of numbers": "if max(errors) > 0.1:\n    raise CheckFailed('x')",
    "any": "if any(error > 0.1 for error in errors):\n    raise CheckFailed('x')",
    "all": "if not all(error <= 0.1 for error in errors):\n    raise CheckFailed('x')",
    "sort": "if values.sort().values[-1] >= 0.1:\n    raise CheckFailed('x')",
    "chained": "if not 0 < alpha < 1:\n    raise CheckFailed('x')",
    "negated": "if not error <= 0.1:\n    raise CheckFailed('x')",
    "one of several": "if len(x) == 2 and (low < 0 or high > 1):\n    raise CheckFailed('x')",
    "a local name": "wrong = difference > allowed\nif bool(wrong.any()):\n    raise CheckFailed('x')",
    "a name of a name": "near = abs(x) < 1\nfar = ~near\nif far.any():\n    raise CheckFailed('x')",
    "assigned in the condition": "if (far := distance(x, y)) > MOST:\n    raise CheckFailed('x')",
    "an early return": "if not error > 0.1:\n    return\nraise CheckFailed('x')",
    "an early continue": "for e in x:\n    if e < 1:\n        continue\n    raise CheckFailed('x')",
    "else": "if error < 0.1:\n    pass\nelse:\n    raise CheckFailed('x')",
    "a loop inside": "if error > 0.1:\n    for x in y:\n        raise CheckFailed('x')",
}
PASSING = {
    "the vocabulary": "if exceeds(error, LIMIT) or falls_below(error, 0):\n    raise CheckFailed('x')",
    "lengths": "if len(found) < 2 or x.ndim > 3 or x.shape[0] >= 4:\n    raise CheckFailed('x')",
    "whole numbers as parameters": "def inner(low: int):\n    if low < 3:\n        raise CheckFailed('x')",
    "a loop over constants": "for k in (1, 2):\n    if k > 1:\n        raise CheckFailed('x')",
    "a local count": "few = int(x.sum())\nif few < 3:\n    raise CheckFailed('x')",
    "equality": "if error == 0:\n    raise CheckFailed('x')",
    "misuse of the vocabulary": "if alpha < 0:\n    raise ValueError('x')",
    "an index that a comparison picked": "worst = order[(a > b).argmax()]\nif worst == 3:\n    raise CheckFailed('x')",
    "no condition": "return error > 0.1",
}


def function_of(body: str) -> str:
    return "def check():\n" + "".join(f"    {line}\n" for line in body.splitlines())


@pytest.mark.parametrize("name", FAILING)
def test_a_plain_comparison_is_an_error(name: str) -> None:
    assert violations(function_of(FAILING[name]))


@pytest.mark.parametrize("name", PASSING)
def test_what_cannot_meet_nan_is_none(name: str) -> None:
    assert not violations(function_of(PASSING[name]))
