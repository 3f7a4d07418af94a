"""Cells, parsed once each, whose trees are joined to that of the whole."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.source.cells import code_cells, join_cells, parse_file, parse_notebook, saved_cells
from autograder.source.lines import Cell

CELLS = (
    "x = 1",
    "",
    "# é\n\ny = 'ä'; z = '''\n%ls\n'''\n",
    "!ls \\\n  more\nf(\n  1,\n)",
    "%%time\n@g\ndef f(a, *b):\n    return a\n",
    "%%bash\nls (",
    "    a = 1\n    b = 2",
    "x = = 1\ny = 2",
    "é = get_ipython().run_line_magic(\n 'a',\n 'b'); c = 3",
    "x = 1\r\ny = 2\x00",
    "\tif a:\n\t\tpass",
)


def saved(cells):
    return saved_cells(notebook(cells))


def notebook(cells):
    return {"nbformat": 4, "cells": [{"cell_type": "code", "source": cell} for cell in cells]}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(CELLS), max_size=5))
def test_joined_trees_are_the_tree_of_the_joined_text(cells):
    joined = join_cells(code_cells(saved(cells)))
    assert joined.tree is not None
    assert ast.dump(joined.tree, include_attributes=True) == ast.dump(ast.parse(joined.text), include_attributes=True)
    lines = [len(cell.replace("\r\n", "\n").split("\n")) for cell in cells]
    assert [cell.lines for cell in joined.cells or ()] == lines
    assert len(joined.text.split("\n")) == max(1, sum(lines))


def test_a_cell_that_does_not_parse_is_blank_and_the_others_are_not():
    joined = join_cells(code_cells(saved(["x = 1", "y = (", "z = 3"])))
    assert (joined.text, joined.cells) == ("x = 1\n\nz = 3", (Cell(1, 1, 1), Cell(2, 2, 1), Cell(3, 3, 1)))
    assert [remark.line for remark in joined.problems] == [2]


def test_scripts_and_notebooks_are_told_apart_by_their_text():
    assert parse_file("x = 1\n!ls").text == "x = 1\npass"
    assert parse_file(json.dumps(notebook(["x = 1", "!ls"]))).text == "x = 1\npass"


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "<<<<<<< HEAD\n{}", "[" * 100_000])
def test_what_is_no_notebook_raises(text):
    with pytest.raises(ValueError, match=r"^it "):
        parse_notebook(text)
