"""How often intake parses what was handed in: each file once, however many steps look at it."""

from __future__ import annotations

import ast
import builtins
import json
import symtable
from collections import Counter

import pytest

from tests.submission.toy import CODE, hand_in, make_assignment, notebook

BANNED = "import torch\nd = torch.distributions\n"


@pytest.fixture
def parses(monkeypatch):
    """How often each text is parsed by Python's parser, its compiler of tables of symbols, or the reader of JSON."""
    counts: Counter[str] = Counter()

    def count(owner, name):
        work = getattr(owner, name)

        def counting(source, *args, **kwargs):
            counts[source if isinstance(source, str) else ""] += not isinstance(source, ast.AST)
            return work(source, *args, **kwargs)

        monkeypatch.setattr(owner, name, counting)

    for owner, name in ((builtins, "compile"), (symtable, "symtable"), (json, "loads")):
        count(owner, name)
    return counts


def read(tmp_path, parses, files, **wanted):
    assignment = make_assignment(tmp_path, **wanted)
    parses.clear()
    return hand_in(tmp_path, files, assignment)


def test_a_script_and_each_helper_are_parsed_once(tmp_path, parses):
    files = {
        "vae_solution.py": f"{BANNED}{CODE}",
        "utils.py": f"# utils\n{BANNED}",
        "pkg/other.py": f"# other\n{BANNED}",
    }
    submission = read(tmp_path, parses, files)
    assert sorted(submission.helpers) == ["pkg/__init__.py", "pkg/other.py", "utils.py"]
    assert +parses == Counter(files.values())


@pytest.mark.parametrize(
    ("source", "times"),
    [
        (f"!ls\n{CODE}", 2),
        (f"get_ipython().system('ls')\n{CODE}", 2),
        (f"!ls\nget_ipython().system('ls')\n{CODE}", 3),
        (f"x = = 1\n{CODE}", 1),
    ],
)
def test_commands_cost_one_parse_more_of_what_is_left(tmp_path, parses, source, times):
    read(tmp_path, parses, {"vae_solution.py": source})
    assert parses.total() == times and max(parses.values()) == 1


@pytest.mark.parametrize("name", ["vae_solution.py", "vae_solution.ipynb"])
def test_each_cell_of_a_notebook_is_parsed_once(tmp_path, parses, name):
    cells = [BANNED, "import math", CODE, "for x in range(3):\n    print(kl(x, undefined))", "x = = 1", "class A: pass"]
    content = notebook(*cells, "%%bash\nls (")
    submission = read(tmp_path, parses, {"vae_solution.ipynb": content}, required=(name,))
    assert submission.files[name].executed is not None and submission.notices
    assert +parses == Counter([content, *cells])


def test_a_module_that_a_cell_writes_is_parsed_once_more_as_a_file(tmp_path, parses):
    submission = read(tmp_path, parses, {"vae_solution.ipynb": notebook(CODE, f"%%writefile utils.py\n{BANNED}")})
    assert submission.helpers == {"utils.py": BANNED}
    assert parses[f"pass\n{BANNED}"] == parses[BANNED] == parses[CODE] == 1
