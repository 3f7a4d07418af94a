"""The rule on banned modules, by every way of reaching them."""

from __future__ import annotations

import ast

import pytest

from autograder.submission import banned
from tests.submission.toy import hand_in, lines_run, make_assignment, notebook, said

BLANKS = {"vae.kl": ["Gaussian.kl"], "vae.nll": ["Gaussian.nll"], "vae.sample": ["sample"], "vae.betas": ["betas"]}
CLASS = "class Gaussian:\n    def kl(self, q):\n        return {use}\n    def nll(self, x):\n        return x.sum(1)\n"


def read(tmp_path, source):
    return hand_in(tmp_path, {"vae_solution.py": source}, make_assignment(tmp_path, blanks=BLANKS))


@pytest.mark.parametrize(
    ("head", "use"),
    [
        ("import torch", "torch.distributions.Normal(0, 1)"),
        ("import torch as t", "t.distributions.Normal(0, 1)"),
        ("import torch.distributions", "torch.distributions.kl_divergence(q, q)"),
        ("import torch.distributions as D", "D.Normal(0, 1)"),
        ("import torch.distributions.normal as n", "n.Normal(0, 1)"),
        ("from torch import distributions", "distributions.Normal(0, 1)"),
        ("from torch import nn, distributions as td", "td.Normal(0, 1)"),
        ("from torch.distributions import Normal, kl_divergence", "kl_divergence(q, q)"),
        ("from torch.distributions import Normal as N", "N(0, 1).log_prob(q)"),
        ("from torch.distributions.normal import Normal", "Normal(0, 1)"),
        ("from torch.distributions.normal import *", "Normal(0, 1)"),
        ("from torch.distributions import *", "kl_divergence(q, q)"),
        ("import importlib", "importlib.import_module('torch.distributions').Normal(0, 1)"),
        ("from importlib import import_module as load", "load('torch.distributions.normal').Normal(0, 1)"),
        ("import importlib", "importlib.import_module('.distributions', 'torch')"),
        ("", "__import__('torch.distributions').distributions.Normal(0, 1)"),
        ("", "__import__('torch').distributions.Normal(0, 1)"),
        ("import builtins", "builtins.__import__('torch.distributions')"),
        ("import torch", "getattr(torch, 'distributions').Normal(0, 1)"),
        ("import torch", "vars(torch)['distributions']"),
        ("import torch", "torch.__dict__['distributions']"),
        ("import sys", "sys.modules['torch.distributions'].Normal(0, 1)"),
        ("import torch\nNormal = torch.distributions.Normal", "Normal(0, 1)"),
        ("import torch\nN = K = torch.distributions.Normal", "K(0, 1)"),
        ("import torch\nN, K = 1, torch.distributions.kl_divergence", "K(q, q)"),
        ("import torch\nd = torch.distributions\ne = d\nf = e.Normal", "f(0, 1)"),
        ("import torch\nprior = torch.distributions.Normal(0, 1)", "prior.log_prob(q)"),
        ("try:\n    import torch.distributions as D\nexcept ImportError:\n    D = None", "D.Normal(0, 1)"),
        ("import torch\nif (D := torch.distributions):\n    pass", "D.Normal(0, 1)"),
        ("import torch", "(lambda: [torch.distributions.Normal(0, 1) for _ in q])()"),
        ("import torch", "q if q else torch.distributions.Normal(0, 1)"),
        ("import torch", "torch.\U0001d521istributions.Normal(0, 1)"),
    ],
)
def test_use_in_a_blank_costs_that_item_only(tmp_path, head, use):
    submission = read(tmp_path, f"{head}\n{CLASS.format(use=use)}")
    assert set(submission.violations) == {"vae.kl"}
    line = f"{head}\n".count("\n") + 3
    assert (
        f"torch.distributions may not be used in this item, but is in vae_solution.py, line {line}: `return "
        in (submission.violations["vae.kl"])
    )


@pytest.mark.parametrize(
    "body",
    [
        "import torch.distributions",
        "from torch.distributions import Normal",
        "from torch import distributions as td",
        "def inner():\n            import torch.distributions as d\n            return d.x\n        return inner",
        "D = __import__('torch')\n        return D.distributions.Normal",
        "self.normal = 3\n        return self.normal(q)",
    ],
)
def test_imports_and_names_within_the_blank(tmp_path, body):
    source = (
        "import torch\nclass Gaussian:\n    def __init__(self):\n        self.normal = torch.distributions.Normal\n"
        f"    def kl(self, q):\n        {body}\n"
    )
    assert set(read(tmp_path, source).violations) == {"vae.kl"}


@pytest.mark.parametrize(
    ("source", "items"),
    [
        ("import torch\ndef sample(x, N=torch.distributions.Normal):\n    return x\n", {"vae.sample"}),
        ("import torch\ndef _s(x):\n    return torch.distributions.Normal(0, 1)\nsample = _s\n", {"vae.sample"}),
        ("import torch\nsample = lambda: torch.distributions.Normal(0, 1)\n", {"vae.sample"}),
        ("import torch\nbetas = torch.distributions.Beta(1, 1).sample()\n", {"vae.betas"}),
        ("import torch\nif True:\n    betas = torch.distributions.Beta(1, 1)\n", {"vae.betas"}),
        (
            "import torch\nclass Gaussian: pass\ndef _k(s):\n    return torch.distributions\nGaussian.kl = _k\n",
            {"vae.kl"},
        ),
        ("import torch\nasync def sample():\n    return torch.distributions\n", {"vae.sample"}),
        ("import torch\n@torch.distributions.x\ndef sample():\n    pass\n", {"vae.sample"}),
        (
            "import torch\nD = 0\ndef main():\n    global D\n    D = torch.distributions\ndef sample():\n    D.x\n",
            {"vae.sample"},
        ),
    ],
)
def test_other_shapes_of_blanks(tmp_path, source, items):
    assert set(read(tmp_path, source).violations) == items


@pytest.mark.parametrize(
    "source",
    [
        "import torch.distributions\n" + CLASS.format(use="q.exp().sum(1)"),
        "from torch.distributions import Normal\n" + CLASS.format(use="torch.nn.functional.relu(q)"),
        "from torch.distributions import *\nfrom math import *\n" + CLASS.format(use="sqrt(2) * undefined(q)"),
        CLASS.format(use="q")
        + "if __name__ == '__main__':\n    import torch\n    z = torch.distributions.Normal(0, 1)\n",
        "import torch\ndef check(q):\n    return torch.distributions.Normal(0, 1)\n" + CLASS.format(use="q.sum()"),
        "import torch.distributions as D\nclass Gaussian:\n    def kl(self, D):\n        return D.exp()\n",
        "from torch.distributions import Normal\n"
        "class Gaussian:\n    def kl(self, q: Normal) -> Normal:\n        z: Normal = q\n        return z\n",
    ],
)
def test_elsewhere_it_is_only_reported(tmp_path, source):
    submission = read(tmp_path, source)
    assert submission.violations == {}
    assert "torch.distributions is used outside the graded parts (line " in said(submission)


@pytest.mark.parametrize(
    "source",
    [
        CLASS.format(use="'torch.distributions'"),
        "# import torch.distributions\n" + CLASS.format(use="q"),
        "import torch\n" + CLASS.format(use="torch.distribution(q)"),
        "import mytorch\n" + CLASS.format(use="mytorch.distributions(q)"),
        "from .torch import distributions\n" + CLASS.format(use="distributions(q)"),
        "distributions = 3\n" + CLASS.format(use="distributions"),
        "import torch.distributionsx as d\n" + CLASS.format(use="d.Normal"),
    ],
)
def test_what_only_looks_like_it_says_nothing(tmp_path, source):
    submission = read(tmp_path, source)
    assert submission.violations == {} and submission.notices == ()


def test_notebook_names_the_cell_and_a_helper_is_reported(tmp_path):
    source = notebook("import torch", CLASS.format(use="torch.distributions.Normal(0, 1)"))
    files = {"vae_solution.ipynb": source, "utils.py": "import torch\nx = 1\nn = torch.distributions.Normal\n"}
    submission = hand_in(tmp_path, files, make_assignment(tmp_path, blanks=BLANKS))
    assert "in vae_solution.ipynb, cell 4, line 3: `return torch" in submission.violations["vae.kl"]
    assert "utils.py: torch.distributions is used outside the graded parts (line 3)" in said(submission)


def test_other_modules_can_be_banned(tmp_path):
    assignment = make_assignment(tmp_path, banned=("numpy", "scipy.stats"), blanks={"vae.kl": ["kl"], "vae.x": ["x"]})
    imports = "import numpy as np\nfrom scipy import stats, special\n"
    source = f"{imports}def kl():\n    return np.sum(1)\ndef x():\n    return special.y\n"
    assert set(hand_in(tmp_path, {"vae_solution.py": source}, assignment).violations) == {"vae.kl"}


def test_the_first_use_makes_the_message_and_further_ones_take_no_time(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(banned, "_message", lambda file, use: made.append(use.line) or f"line {use.line}")
    body = "import torch\ndef sample(): return torch.distributions\nclass Gaussian:\n    def kl(self, q):\n"
    submission = read(tmp_path, body + "        torch.distributions\n" * 500)
    assert submission.violations == {"vae.sample": "line 2", "vae.kl": "line 5"}
    assert made == [2, 5]


def test_chains_of_items_are_followed_once() -> None:
    def work(links: int) -> int:
        source = "# distributions\nx = a" + '(o)["k"]' * links + "\n"
        return lines_run(lambda: banned.find_uses(ast.parse(source), source, ("torch.distributions",), {}))

    assert work(16) < 40 * work(4)
