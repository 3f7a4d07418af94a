"""Every operator on a small source: what it makes of it, and what it leaves alone."""

from __future__ import annotations

import ast

import pytest

from autograder.source.lines import Place
from autograder.source.spans import Source
from autograder.verify.mutation.operators import edits


def made(body: str, *names: str) -> dict[str, set[str]]:
    """What the operators make of statements below ``import torch``, by operator; only what parses."""
    text = f"import torch\n{body}\n"
    code = Source.parse(text, Place("small.py"))
    found: dict[str, set[str]] = {}
    for edit in edits(code.tree.body[1:], code, names):
        changed = text[: edit.begin] + edit.text + text[edit.end :]
        try:
            ast.parse(changed)
        except SyntaxError:
            continue
        found.setdefault(edit.operator, set()).add(changed.removeprefix("import torch\n").rstrip("\n"))
    return found


@pytest.mark.parametrize(
    ("body", "operator", "expected"),
    [
        ("y = 3", "constant-plus-one", {"y = 4"}),
        ("y = 3", "constant-zero", {"y = 0"}),
        ("y = 0.5", "constant-double", {"y = 1.0"}),
        ("y = x - 3", "constant-sign", {"y = x - (-3)"}),
        ("y = f(keepdim=True)", "constant-not", {"y = f(keepdim=False)"}),
        ("y = f(x, noise=None)", "constant-none", {"y = f(x, noise=0)"}),
        ("y = a + b", "arithmetic", {"y = a - b"}),
        ("y = (a) ** (b)", "arithmetic", {"y = (a) * (b)"}),
        ("y += b", "arithmetic", {"y -= b"}),
        ("y = (a - b) * c", "left-alone", {"y = (a - b)", "y = (a) * c"}),
        ("y = (a - b) * c", "right-alone", {"y = c", "y = (b) * c"}),
        ("y = a < b", "comparison", {"y = a <= b"}),
        ("y = a < b", "comparison-turned", {"y = a > b"}),
        ("y = a is not None", "comparison", {"y = a is None"}),
        ("y = a and b", "logic", {"y = a or b"}),
        ("if flag:\n    y = 1", "condition", {"if not (flag):\n    y = 1"}),
        ("y = -x", "unary", {"y = x"}),
        ("y = -(x + 1)", "unary", {"y = (x + 1)"}),
        ("y = torch.exp(0.5 * x)", "call-dropped", {"y = (0.5 * x)"}),
        ("y = x.detach()", "method-dropped", {"y = x"}),
        ("y = x.sum(dim=1).sqrt()", "method-dropped", {"y = x.sum(dim=1)", "y = x.sqrt()"}),
        ("y = torch.sqrt(x)", "method-dropped", None),
        ("y = torch.sum(x)", "sum-mean", {"y = torch.mean(x)"}),
        ("y = x.mean(dim=1)", "mean-sum", {"y = x.sum(dim=1)"}),
        ("y = torch.randn_like(x)", "randn_like-zeros_like", {"y = torch.zeros_like(x)"}),
        ("y = f(a, b + (c, d)[0], k=1)", "arguments-swapped", {"y = f(b + (c, d)[0], a, k=1)"}),
        ("y = x.sum(dim=1, keepdim=True)", "argument-dropped", {"y = x.sum(keepdim=True)", "y = x.sum(dim=1)"}),
        ("y = f(a, b)", "argument-dropped", {"y = f(b)", "y = f(a)"}),
        ("y = f(\n    a,  # why\n    b,\n)", "argument-dropped", {"y = f(\n    b,\n)", "y = f(\n    a,\n)"}),
        ("y = g(a), h(b)", "elements-swapped", {"y = h(b), g(a)"}),
        ("y = x[:, None]", "index-dropped", {"y = x"}),
        ("with torch.no_grad():\n    y = x", "with-dropped", {"if True:\n    y = x"}),
        ("if a == b:\n    y = 1", "statement-dropped", {"pass", "if a == b:\n    pass"}),
    ],
)
def test_an_operator_makes_exactly_these(body, operator, expected):
    assert made(body).get(operator) == expected


def test_other_variables_take_the_place_of_one():
    found = made("h = f(x)\ny = h + k(x)", "x", "noise")
    assert found["name-noise"] == {
        "h = f(noise)\ny = h + k(x)",
        "h = f(x)\ny = noise + k(x)",
        "h = f(x)\ny = h + k(noise)",
    }
    assert found["name-x"] == {"h = f(x)\ny = x + k(x)"} and "name-f" not in found and "name-torch" not in found


def test_other_attributes_take_the_place_of_one():
    found = made("y = self.mean(h) + self.logvar(h)")
    assert found["name-self-logvar"] == {"y = self.logvar(h) + self.logvar(h)"}
    assert found["name-self-mean"] == {"y = self.mean(h) + self.mean(h)"}


@pytest.mark.parametrize(
    "body",
    [
        '"""What it does, 3 times."""',
        "pass",
    ],
)
def test_what_says_nothing_is_left_alone(body):
    assert made(body) == {}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("y = torch.zeros(n, device=devices[0])", "device=devices[0]"),
        ("y: Annotated[int, 3] = 2", "y: Annotated[int, 3]"),
        ("def f(x: Literal[3]) -> Literal[4]:\n    return x", "f(x: Literal[3]) -> Literal[4]"),
        ('y = f"{3 + 4}"', 'f"{3 + 4}"'),
    ],
)
def test_devices_annotations_and_texts_are_not_changed(body, kept):
    changed = [text for texts in made(body).values() for text in texts]
    gone = {"pass", "y = n"}  # the statement or the call as a whole is left out
    assert changed and all(kept in text for text in changed if text not in gone)


def test_positions_are_characters_where_the_text_is_not_ascii():
    assert made('y = f("é", a + b)')["arithmetic"] == {'y = f("é", a - b)'}
