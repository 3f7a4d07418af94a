"""Of a notebook only the definitions are run: what is kept, what is left out, and what is said about it."""

from __future__ import annotations

import ast
import json

import pytest

from autograder.submission.definitions import Reason, definitions
from autograder.submission.unbound import unbound_names
from tests.pace import MOST, growth
from tests.submission.toy import CODE, hand_in, lines_run, make_assignment, notebook, said

HEAD = "import torch\nfrom torchvision import datasets\nimport matplotlib.pyplot as plt\n"
TRAIN = "def train(model, loader):\n    for x in loader:\n        loss = model(x)\n        loss.backward()\n"


def kept(source, wanted=()):
    """Return the statements of a source that are run, as text."""
    source = HEAD + source
    return "\n".join(map(ast.unparse, definitions(source, ast.parse(source), wanted).tree.body[3:]))


def why(source):
    """Return why the last statement of a source is left out; None where it is run."""
    source = HEAD + source
    found = definitions(source, ast.parse(source)).left_out
    last = ast.parse(source).body[-1].lineno
    return next((one.reason for one in found if one.line == last), None)


@pytest.mark.parametrize(
    "statement",
    [
        "T = 200",
        "betas = torch.linspace(1e-4, 0.02, 200)",
        "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "torch.manual_seed(0)",
        "torch.set_default_dtype(torch.float64)",
        "plt.rcParams['figure.figsize'] = (3, 3)",
        "def f(x):\n    return x",
        "@torch.no_grad()\ndef f(x):\n    return x",
        "class A(torch.nn.Module):\n    pass",
        "try:\n    import einops\nexcept ImportError:\n    einops = None",
        "if torch.cuda.is_available():\n    device = 'cuda'\nelse:\n    device = 'cpu'",
        "def f(x):\n    return x\nf = torch.no_grad()(f)",
        "class A:\n    pass\ndef g(self):\n    return 1\nA.g = g",
    ],
)
def test_definitions_constants_and_set_up_are_run(statement):
    assert why(statement) is None


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("for epoch in range(9):\n    loss.backward()\n    optimiser.step()", Reason.TRAINS),
        (TRAIN + "losses = train(None, [])", Reason.TRAINS),
        (TRAIN + "for epoch in range(9):\n    train(None, [])", Reason.TRAINS),
        ("class Trainer:\n    def run(self):\n        self.optimiser.step()\nTrainer().run()", Reason.TRAINS),
        ("try:\n    loss.backward()\nexcept KeyboardInterrupt:\n    pass", Reason.TRAINS),
        ("data = datasets.MNIST('.', download=True)", Reason.DATA),
        ("weights = torch.load('model.pt')", Reason.DATA),
        ("from google.colab import drive\ndrive.mount('/content/drive')", Reason.DATA),
        ("answer = input('how many epochs?')", Reason.INPUT),
        ("plt.plot([1, 2])", Reason.PLOTS),
        ("def draw():\n    plt.figure()\n    plt.show()\ndraw()", Reason.PLOTS),
        ("for n in range(10**9):\n    x = n", Reason.LOOPS),
        ("print('hello')", Reason.RUNS),
        ("class A:\n    pass\na = A()\nwith torch.no_grad():\n    w = torch.ones(3)\n    y = a(w)", Reason.RUNS),
        ("def f(x):\n    return x\ny = f(3)", Reason.RUNS),
        ("assert 1 == 2", Reason.RUNS),
    ],
)
def test_what_runs_and_defines_nothing_is_left_out(statement, reason):
    assert why(statement) is reason


def test_what_a_function_needs_is_run_however_it_comes_about():
    source = (
        "betas = []\nfor t in range(3):\n    betas.append(t / 3)\ndef scale():\n    return 2\nfactor = scale()\n"
        "def q(t):\n    return factor * betas[t]\nmodel = make()\ndef make():\n    return 1\n"
        "def sample():\n    return model\n"
    )
    assert kept(source) == "\n".join(map(ast.unparse, ast.parse(source).body))


def test_a_local_name_is_no_need():
    source = "def f(x):\n    model = x\n    return model\nclass VAE:\n    pass\nmodel = VAE()"
    assert "model = VAE()" not in kept(source)


def test_what_grading_asks_for_is_run_if_it_is_not_training():
    source = "def half(n):\n    return n / 2\nalpha = half(1.9)"
    assert "alpha" not in kept(source).replace("def half", "") and "alpha = half(1.9)" in kept(source, ["alpha"])
    assert "losses" not in kept(TRAIN + "losses = train(None, [])", ["losses"])


def test_what_is_defined_keeps_its_meaning_where_a_use_of_it_takes_its_name():
    source = "def points(n):\n    return n / 2\nalpha = 0.9\nring = lambda n: n\n"
    uses = "points = points(300)\nring = ring(3)\nfor alpha in (0.1, 0.5):\n    plt.scatter(1, 2, alpha=alpha)\n"
    assert kept(source + uses, ["points", "alpha", "ring"]) == kept(source, ["points", "alpha", "ring"])
    assert "points = wrapped(points)" in kept(source + "def wrapped(f):\n    return f\npoints = wrapped(points)\n")


def test_what_reads_a_result_of_training_goes_with_it():
    assert why(TRAIN + "losses = train(None, [])\nfinal = losses[-1] + 3") is Reason.TRAINS


def test_lines_stay_where_they_are():
    source = "x = 1\nprint(\n  x,\n  'ä'); y = 2\nz = 3; print(z); w = 4\n"
    found = definitions(source, ast.parse(source)).source
    assert found.count("\n") == source.count("\n")
    assert found.split("\n")[3] == "y = 2" and found.split("\n")[4] == "z = 3; pass; w = 4"


def ps3(tmp_path, content, name="ps3.ipynb", blanks=("kl",)):
    assignment = make_assignment(tmp_path, required=("ps3.ipynb",), blanks={"p1": blanks})
    return hand_in(tmp_path, {name: content}, assignment)


def test_what_is_left_out_is_told_by_cell(tmp_path):
    submission = ps3(tmp_path, notebook("import torch", CODE, "loss.backward()", "print(1)\nprint(2)"))
    assert submission.files["ps3.ipynb"].source == f"import torch\n{CODE}\npass\npass\npass"
    assert "not run here, since it trains: cell 6, line 1" in said(submission)
    assert "since it only runs or shows something: cell 8, line 1, cell 8, line 2" in said(submission)


def test_a_script_in_place_of_the_notebook_is_taken_and_said_so(tmp_path):
    submission = ps3(tmp_path, f"# coding: utf-8\n# In[1]:\n{CODE}\n# In[2]:\nloss.backward()\n", name="ps3.py")
    assert "backward" not in submission.files["ps3.ipynb"].source
    assert "expected ps3.ipynb, found ps3.py: used it" in said(submission)
    assert "not run here, since it trains: line 7" in said(submission)


def test_names_of_a_run_out_of_order_are_explained(tmp_path):
    cells = ["scale = factor * 2", "def kl():\n    return helper(scale)", "factor = 3"]
    submission = ps3(tmp_path, notebook(*cells))
    assert "cell 2, line 1: `factor` is used, but only cell 6, line 1 defines it" in said(submission)
    assert "cell 4, line 2: `helper` is used, but no cell defines it" in said(submission)


def test_names_that_training_binds_are_not_called_missing(tmp_path):
    cells = [
        "model = 1\nmodel.fit()\nlosses = model.fit()",
        "def kl():\n    return losses, [x for x in range(3)], __name__",
    ]
    assert "in a fresh run" not in said(ps3(tmp_path, notebook(*cells)))


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_cell_whose_type_was_changed_counts_if_it_holds_what_is_wanted(tmp_path, kind):
    cells = [("code", "x = 1"), (kind, CODE), (kind, "def unrelated():\n    pass"), (kind, "what is kl?")]
    text = json.dumps({"nbformat": 4, "cells": [{"cell_type": of, "source": source} for of, source in cells]})
    assert ps3(tmp_path, text).files["ps3.ipynb"].source == f"x = 1\n{CODE}"


def test_a_name_in_a_code_cell_is_not_looked_for_elsewhere(tmp_path):
    cells = [("code", CODE), ("markdown", "def kl():\n    return 'draft'")]
    text = json.dumps({"nbformat": 4, "cells": [{"cell_type": of, "source": source} for of, source in cells]})
    assert "draft" not in ps3(tmp_path, text).files["ps3.ipynb"].source


HOSTILE = {
    "many statements": lambda n: "\n".join(f"a{k} = f(a{k - 1})" for k in range(15 * n)),
    "many on one line": lambda n: ";".join(["print(1)"] * 30 * n),
    "a long chain of functions": lambda n: "\n".join(f"def f{k}(): f{k + 1}()" for k in range(8 * n)) + "\nf0()",
    "a deep attribute": lambda n: "x = a" + ".b" * 2 * n,
    "names that need each other": lambda n: (
        "\n".join(f"b{k} = g(b{k + 1})" for k in range(12 * n)) + "\ndef h(): return b0"
    ),
    "a loop of functions": lambda n: "\n".join(f"def f{k}(): f{(k + 1) % n}()" for k in range(n)) + "\nf0()",
}


@pytest.mark.thorough
@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_no_source_takes_long(tmp_path, source):
    def read(size):
        assert "def kl" in ps3(tmp_path, notebook(source(size), CODE)).files["ps3.ipynb"].source

    assert growth(read, 50, rounds=2) < MOST


GROWING = {
    "calls of a long function": lambda n: "def f():\n" + " 0\n" * n + "f()\n" * n,
    "calls of a long class": lambda n: "class A:\n" + " def f(self): self.f()\n" * n + "a = A()\na.f()\n" * n,
    "calls of what declares many globals": lambda n: (
        "def f():\n global " + ", ".join(f"a{k}" for k in range(n)) + "\n" + "f()\n" * n
    ),
    "calls of calls": lambda n: ("f" + "()" * n + "\n") * 3,
    "methods of what methods return": lambda n: "x = f" + ".a()" * n + "\ndef g(): return x",
    "items of items": lambda n: ("f" + "[0]()" * n + "\n") * 3,
    "blocks in blocks": lambda n: "".join(f"{' ' * k}if f():\n" for k in range(n // 5)) + " " * n + "0" + "; 0" * n,
    "branch after branch": lambda n: "if a: 0\n" + "elif a: 0\n" * (n // 2) + "else: 0" + "; 0" * n,
}


@pytest.mark.parametrize("source", GROWING.values(), ids=GROWING)
def test_a_source_four_times_as_long_takes_four_times_as_long(source):
    small, large = (lines_run(lambda n=n: definitions(source(n), ast.parse(source(n)))) for n in (100, 400))
    assert large < 7 * small


def test_names_that_are_bound_nowhere_are_found_in_one_walk():
    trees = [ast.parse("def f():\n" + "".join(f" a{k}\n" for k in range(n))) for n in (100, 400)]
    assert len(list(unbound_names(trees[0], trees[0]))) == 100
    small, large = (lines_run(lambda tree=tree: list(unbound_names(tree, tree))) for tree in trees)
    assert large < 7 * small


def test_names_that_handlers_and_patterns_bind_are_bound():
    tree = ast.parse(
        "try:\n    f = 1\nexcept E as e:\n    f = e\nmatch f:\n    case [g, *h] | {'i': g, **h}:\n        g(h)\n"
    )
    assert [one.name for one in unbound_names(tree, tree)] == ["E"]


def test_a_name_that_is_bound_nowhere_is_told_at_its_first_line():
    tree = ast.parse("def f():\n    if (b :=\n        a):\n        return c + a\n    return c")
    assert [(one.name, one.line) for one in unbound_names(tree, tree)] == [("a", 3), ("c", 4)]


def test_a_definition_in_a_branch_of_a_branch_keeps_them_all():
    source = "if a():\n    pass\nelif b():\n    try:\n        loss.backward()\n    except E:\n        {}\n"
    assert why(source.format("pass")) is Reason.TRAINS
    assert "backward" in kept(source.format("import torch"))


def test_a_statement_over_several_lines_leaves_what_follows_it_on_the_last():
    source = "a = 1; print(\n  'ä',\n); b = 2\n@f\ndef g(): pass\n"
    found = definitions(source, ast.parse(source)).source
    assert found == "a = 1; pass\n\nb = 2\n@f\ndef g(): pass\n"


def test_a_call_that_makes_tables_by_global_is_run_where_they_are_needed():
    source = "def precompute(T):\n    global betas\n    betas = torch.linspace(0, 1, T)\nprecompute(5)\n"
    assert "precompute(5)" not in kept(source)
    assert "precompute(5)" in kept(source + "def q_sample(x, t):\n    return betas[t] * x\n")
