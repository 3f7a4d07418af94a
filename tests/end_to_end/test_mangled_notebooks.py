"""Notebooks as they really come: mangled in every way that students and their tools manage, graded as they deserve."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import Run, Tiny

pytestmark = pytest.mark.usefixtures("warm")

MANIFEST = """
title = "A tiny notebook"
version = "1"
source = "tests"
[files]
required = ["ps.ipynb"]
preload = ["matplotlib.pyplot"]
[limits]
call_seconds = 3
check_seconds = 6
load_seconds = 6
[[items]]
id = "double"
title = "Twice its input"
points = 2
kind = "auto"
file = "ps.ipynb"
blanks = ["Line.double"]
[[items]]
id = "quadruple"
title = "Four times its input"
points = 2
kind = "auto"
file = "ps.ipynb"
blanks = ["quadruple"]
[[items]]
id = "rates"
title = "A table of rates"
points = 2
kind = "auto"
file = "ps.ipynb"
blanks = ["rates"]
"""
CHECKS = '''
from autograder.checks import assert_close, fetch, given, item, tensors
import torch

@item("double")
@given(examples=2, x=tensors(3))
def test_double(ps, x):
    """double(x) is x + x."""
    assert_close(ps.Line().double(x), x.double() + x.double(), name="double(x)")

@item("quadruple")
@given(examples=2, x=tensors(3))
def test_quadruple(ps, x):
    """quadruple(x) is x + x + x + x."""
    assert_close(ps.quadruple(x), 4 * x.double(), name="quadruple(x)")

@item("rates")
def test_rates(ps):
    """rates holds 0, 0.1, ..., 0.9."""
    assert_close(fetch(ps.rates), torch.arange(10).double() / 10, name="rates")
'''
IMPORTS = "import torch\nimport matplotlib.pyplot as plt\nfrom tqdm.auto import tqdm\nSTEPS = 10"
LINE = "class Line:\n    factor = 2\n    def double(self, x):\n        return self.factor * x"
QUADRUPLE = "line = Line()\ndef quadruple(x):\n    return line.double(line.double(x))"
RATES = "rates = []\nfor n in range(STEPS):\n    rates.append(n / STEPS)\nrates = torch.tensor(rates)"
TRAIN = (
    "weight = torch.zeros(1, requires_grad=True)\noptimiser = torch.optim.SGD([weight], 1e-9)\n"
    "for epoch in tqdm(range(10**9)):\n    loss = (weight - 1).square().sum()\n    loss.backward()\n"
    "    optimiser.step()"
)
PLOT = "plt.plot([1, 2, 3])\nplt.show()\nprint(loss.item())"
ALL = {"double": "PASS", "quadruple": "PASS", "rates": "PASS"}


def code(source: str, **more: Any) -> dict[str, Any]:
    """Return a code cell."""
    return {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": source, **more}


WHOLE = [code(source) for source in (IMPORTS, LINE, QUADRUPLE, RATES, TRAIN, PLOT)]
WHOLE.insert(1, {"cell_type": "markdown", "metadata": {}, "source": "# A line"})


Change = Callable[[list[dict[str, Any]]], Any]
"""Changes the cells in place, or returns what is handed in instead."""


@dataclass(frozen=True)
class Mangled:
    """A hand-in, what it deserves, and what its author must be told."""

    name: str
    change: Change
    outcomes: dict[str, str]
    told: tuple[str, ...] = ()
    file: str = "ps.ipynb"


def swap(cells: list[dict[str, Any]], old: str, new: str) -> None:
    """Replace the source of one cell."""
    next(cell for cell in cells if cell["source"] == old)["source"] = new


def drop(cells: list[dict[str, Any]], source: str) -> None:
    """Delete one cell."""
    cells[:] = [cell for cell in cells if cell["source"] != source]


def retype(cells: list[dict[str, Any]], source: str, kind: str) -> None:
    """Change the type of one cell."""
    cell = next(cell for cell in cells if cell["source"] == source)
    cell["cell_type"] = kind
    cell.pop("outputs"), cell.pop("execution_count")


def colab(cells: list[dict[str, Any]]) -> None:
    """What Google Colab adds."""
    cells.insert(0, code("!pip install -q einops\nfrom google.colab import drive\ndrive.mount('/content/drive')"))
    for number, cell in enumerate(cells):
        cell["metadata"] = {"id": f"x{number}", "colab": {"base_uri": "x"}, "outputId": "abc"}


def export(cells: list[dict[str, Any]]) -> str:
    """What ``jupyter nbconvert --to script`` makes."""
    sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    return "#!/usr/bin/env python\n# coding: utf-8\n" + "".join(
        f"\n# In[{n}]:\n\n\n{s}\n" for n, s in enumerate(sources)
    )


def old_format(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a notebook of format 3."""
    old = [{"cell_type": "code", "input": [cell["source"]], "outputs": []} for cell in cells if "outputs" in cell]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": old}]}


def changed(old: str, new: str) -> Change:
    """Replace the source of one cell."""
    return lambda cells: swap(cells, old, new)


def added(source: str, place: int = 1) -> Change:
    """Put a code cell in at a place."""
    return lambda cells: cells.insert(place, code(source))


def constant_below(cells: list[dict[str, Any]]) -> None:
    """The constant was moved to a cell at the end."""
    swap(cells, IMPORTS, IMPORTS.replace("STEPS = 10", ""))
    cells.append(code("STEPS = 10"))


def mended_later(cells: list[dict[str, Any]]) -> None:
    """A wrong class, and the right one below it."""
    swap(cells, LINE, LINE.replace("= 2", "= 3"))
    cells.insert(3, code(LINE))


BROKEN = {"double": "FAIL", "quadruple": "FAIL", "rates": "PASS"}
NO_RATES = {**ALL, "rates": "FAIL"}
SHELL = "name = input('who?')\n!ls\nfiles = !ls\n%timeit 1 + 1"
CASES = [
    Mangled("whole", lambda c: None, ALL, ("since it trains: cell 6, line 3", "since it plots")),
    Mangled("reordered", lambda c: c.reverse(), NO_RATES, ("`torch` is used, but only cell 7, line 1 defines it",)),
    Mangled("moved down", lambda c: c.append(c.pop(4)), ALL),
    Mangled("class below its use", lambda c: c.append(c.pop(2)), ALL, ("`Line` is used, but only cell 7",)),
    Mangled("duplicated", lambda c: c.extend(copy.deepcopy(c[:4])), ALL),
    Mangled("last definition counts", added(LINE.replace("= 2", "= 3"), 7), {**ALL, "double": "FAIL"}),
    Mangled("mended later", mended_later, ALL),
    Mangled("class deleted", lambda c: drop(c, LINE), BROKEN, ("`Line` is used, but no cell defines it",)),
    Mangled("constant below", constant_below, NO_RATES, ("`STEPS` is used, but only cell 8, line 1 defines it",)),
    Mangled("class in a Markdown cell", lambda c: retype(c, LINE, "markdown"), ALL),
    Mangled("class in a raw cell", lambda c: retype(c, LINE, "raw"), ALL),
    Mangled("note as code", added("This is what I found."), ALL, ("this cell was left out",)),
    Mangled("syntax error", changed(QUADRUPLE, QUADRUPLE + ")"), {**ALL, "quadruple": "FAIL"}, ("cell 4",)),
    Mangled(
        "a cell that raises", added("weights = 1 / 0"), ALL, ("ps.ipynb: cell 2, line 1: this statement was left",)
    ),
    Mangled("colab", colab, ALL, ("notebook command ignored",)),
    Mangled("input and shell", added(SHELL), ALL, ("it waits for input",)),
    Mangled("exported script", export, ALL, ("expected ps.ipynb, found ps.py: used it", "since it trains"), "ps.py"),
    Mangled("format 3", old_format, ALL),
    Mangled("same ids", lambda c: [cell.update(id="same", metadata={}) for cell in c], ALL),
    Mangled("another name", lambda c: None, ALL, ("used it",), "Copy of ps (2).ipynb"),
    Mangled("magic before a function", changed(QUADRUPLE, f"%%time\n{QUADRUPLE}"), ALL),
    Mangled("class in a bash cell", changed(LINE, f"%%bash\n{LINE}"), BROKEN),
    Mangled("not JSON", lambda c: "{not a notebook", dict.fromkeys(ALL, "FAIL")),
]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = Tiny(tmp_path_factory.mktemp("course"))
    tiny.write("assignments/tiny/assignment.toml", MANIFEST)
    tiny.write("assignments/tiny/checks/public/test_public.py", CHECKS)
    for name in ("checks/hidden/test_hidden.py", "checks/hidden/tiny_stand_ins.py"):
        (tiny.assignment / name).unlink()
    for name in ("one.py", "two.py"):
        (tiny.reference / name).unlink()
    tiny.write("solutions/tiny/ps.py", "\n".join(f"# %%\n{s}" for s in (IMPORTS, LINE, QUADRUPLE, RATES, TRAIN)))
    return tiny


@pytest.mark.thorough
def test_an_exception_is_told_by_its_cell(course: Tiny, tmp_path: Path) -> None:
    raising = changed(QUADRUPLE, QUADRUPLE.replace("    return", "    x = x / [0]\n    return"))
    run = grade(course, Mangled("raises", raising, {}), tmp_path)
    assert "ps.ipynb, cell 4, line 3" in run.output("quadruple")


def grade(course: Tiny, mangled: Mangled, folder: Path) -> Run:
    """Write a hand-in and grade it with the real command."""
    cells = copy.deepcopy(WHOLE)
    made = mangled.change(cells)
    if not isinstance(made, (str, dict)):
        made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (folder / mangled.file).write_text(made if isinstance(made, str) else json.dumps(made), encoding="utf-8")
    return course.grade(folder)


@pytest.mark.thorough
@pytest.mark.parametrize("mangled", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_mangled_notebook_gets_what_it_deserves(course: Tiny, mangled: Mangled, tmp_path: Path) -> None:
    run = grade(course, mangled, tmp_path)
    assert run.outcomes == mangled.outcomes, run.results["output"]
    for text in mangled.told:
        assert text in run.results["output"]
