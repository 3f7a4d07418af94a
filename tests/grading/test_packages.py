"""Hand-ins that are packages, and names that they import from their own modules."""

from __future__ import annotations

import json

import pytest

from tests.tiny import MANIFEST, ONE, Tiny

pytestmark = pytest.mark.usefixtures("warm")

HELPERS = "def twice(x):\n    return x * 2\n"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "how",
    [
        "from .helpers import twice",
        "from src.helpers import twice",
        "import src.helpers as h\ntwice = h.twice",
        "from . import helpers\ntwice = helpers.twice",
        "from .deep.er import twice",
        "from src.deep.er import twice",
    ],
)
def test_helpers_of_a_package_are_found(tmp_path, how):
    tiny = Tiny(tmp_path)
    folder = tmp_path / "hand_in"
    one = f"{how}\n\ndef double(x):\n    return twice(x)\n\ndef quadruple(x):\n    return double(double(x))\n"
    tiny.write("hand_in/src/one.py", one)
    tiny.write("hand_in/src/two.py", "from ..given import ONE\n\ndef shift(x):\n    return x + ONE\n")
    tiny.write("hand_in/src/helpers.py", HELPERS)
    tiny.write("hand_in/src/torch.py", "raise ImportError('shadow')\n")
    tiny.write("hand_in/src/deep/er.py", HELPERS)
    run = tiny.grade(folder)
    assert set(run.outcomes.values()) == {"PASS"}, run.stdout + run.stderr


def test_a_stand_in_replaces_nothing_that_is_imported_from_the_hand_in(tmp_path):
    tiny = Tiny(tmp_path)
    folder = tiny.hand_in(one="from model import double\n\ndef quadruple(x):\n    return double(x, scale=4)\n")
    (folder / "model.py").write_text("def double(x, scale=2):\n    return x * scale\n")
    run = tiny.grade(folder)
    assert run.outcomes["one.quadruple"] == "PASS", run.stdout + run.stderr


def test_a_notebook_imports_the_module_that_it_writes(tmp_path):
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace('"one.py"', '"one.ipynb"'))
    (tiny.reference / "one.py").rename(tiny.reference / "one_text.py")
    tiny.write("solutions/tiny/one.py", "# %%\n" + ONE)
    cells = [f"%%writefile model.py\n{ONE}", "from model import double, quadruple"]
    notebook = {"nbformat": 4, "cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    folder = tiny.hand_in(one=None)
    (folder / "one.ipynb").write_text(json.dumps(notebook))
    run = tiny.grade(folder)
    assert set(run.outcomes.values()) == {"PASS"}, run.stdout + run.stderr
