"""Notebooks: cells, commands, broken cells, broken files."""

from __future__ import annotations

import json

import pytest

import autograder.source.cells as reading
from autograder.source.cells import MAX_CELLS, TooLong, code_cells, parse_notebook, saved_cells
from autograder.source.lines import Cell
from autograder.source.parsing import MAX_SOURCE
from tests.pace import MOST, growth
from tests.submission.toy import CODE, hand_in, make_assignment, notebook, said


def read(tmp_path, content, name="vae_solution.ipynb"):
    return hand_in(tmp_path, {name: content})


def test_code_cells_are_joined_and_lines_are_told_by_cell(tmp_path):
    submission = read(tmp_path, notebook("import torch\nx = 1", CODE, "y = 2"))
    file = submission.files["vae_solution.py"]
    assert file.source == f"import torch\nx = 1\n{CODE}\ny = 2"
    assert file.cells == (Cell(2, 1, 2), Cell(4, 3, 3), Cell(6, 6, 1))
    assert [file.where(line) for line in (1, 2, 4, 6)] == [
        "cell 2, line 1",
        "cell 2, line 2",
        "cell 4, line 2",
        "cell 6, line 1",
    ]
    assert "found vae_solution.ipynb: used it (its code cells)" in said(submission)


def test_expected_notebook_needs_no_notice(tmp_path):
    assignment = make_assignment(tmp_path, required=("ps3.ipynb",))
    submission = hand_in(tmp_path, {"ps3.ipynb": notebook(CODE)}, assignment)
    assert submission.notices == () and submission.files["ps3.ipynb"].source == CODE


def test_commands_are_told_by_cell(tmp_path):
    submission = read(tmp_path, notebook("!pip install einops\nx = 1", "a = 1\n%matplotlib inline", "%%time\ny = 2"))
    source = submission.files["vae_solution.py"].source
    assert source == "pass\nx = 1\na = 1\npass\npass\ny = 2"
    for expected in ("cell 2, line 1: notebook command", "cell 4, line 2: notebook", "cell 6, line 1: notebook"):
        assert expected in said(submission)


@pytest.mark.parametrize("first", ["%%bash", "%%html", "%%javascript", "%%writefile notes.txt", "%%timeit"])
def test_cell_of_another_language_is_left_out(tmp_path, first):
    submission = read(tmp_path, notebook(f"{first}\nx = 1\ny = 2", "z = 3"))
    assert submission.files["vae_solution.py"].source == "\n\n\nz = 3"
    assert "(with its whole cell)" in said(submission)


def test_cell_that_writes_a_module_counts_as_code(tmp_path):
    submission = read(tmp_path, notebook(f"%%writefile vae_solution.py\n{CODE}"))
    assert "def kl" in submission.files["vae_solution.py"].source


def test_broken_cell_costs_that_cell_only(tmp_path):
    submission = read(tmp_path, notebook("x = 1", "y = 2\nz = = 3\n", CODE))
    file = submission.files["vae_solution.py"]
    assert file.syntax_error == "" and file.source == f"x = 1\n\n\n\n{CODE}"
    assert "vae_solution.ipynb: cell 4, line 2: invalid syntax: `z = = 3` (this cell was left out)" in said(submission)


def test_cell_that_is_indented_as_a_whole_runs_as_in_jupyter(tmp_path):
    file = read(tmp_path, notebook("  x = 1\n  if x:\n    y = 2")).files["vae_solution.py"]
    assert file.source == "x = 1\nif x:\n  y = 2"


def test_string_sources_and_format_three(tmp_path):
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}]}]}
    assert read(tmp_path, json.dumps(old)).files["vae_solution.py"].source == "x = 1\ny = 2"
    new = {"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1\ny = 2"}]}
    assert hand_in(tmp_path / "hand_in", {"vae_solution.ipynb": json.dumps(new)}, make_assignment(tmp_path / "new"))


def test_notebook_under_a_python_name_and_the_reverse(tmp_path):
    submission = read(tmp_path, notebook(CODE), name="vae_solution.py")
    assert submission.files["vae_solution.py"].source == CODE
    (tmp_path / "hand_in" / "vae_solution.py").unlink()
    submission = hand_in(tmp_path, {"vae_solution.ipynb": CODE}, make_assignment(tmp_path / "again"))
    assert submission.files["vae_solution.py"].source == CODE


@pytest.mark.parametrize(
    "content",
    [
        '{"nbformat": 4, "cells": [',
        '{"nbformat": 4, "cells": ' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"nbformat": 4, "x": ' + "9" * 10_000 + "}",
    ],
)
def test_damaged_notebook_is_a_syntax_error(tmp_path, content):
    submission = read(tmp_path, content)
    assert "is not a valid notebook" in submission.files["vae_solution.py"].syntax_error
    assert "vae_solution.ipynb: is not a valid notebook" in said(submission)


@pytest.mark.parametrize("cells", [None, 3, "text", [None, 3, {}, {"cell_type": "code", "source": [1, None]}]])
def test_cells_of_the_wrong_type_are_no_code(tmp_path, cells):
    submission = read(tmp_path, json.dumps({"nbformat": 4, "cells": cells}))
    assert submission.files["vae_solution.py"].source == ""


def test_lone_surrogates_do_not_break_the_copy(tmp_path):
    content = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = '\\ud800'\ny = '\ud800'"}]})
    submission = read(tmp_path, content)
    assert submission.files["vae_solution.py"].source == "x = '\\ud800'\ny = ''"
    assert "cell 1, line 2: contains characters that are no text" in said(submission)


WANTED = ("kl", "sample", "Encoder", "Decoder")
ALL_NAMED = "# def kl, def sample, class Encoder, class Decoder\n"


@pytest.fixture
def parsed(monkeypatch):
    """The sources that are parsed as cells."""
    sources, parse = [], reading.parse_cell
    monkeypatch.setattr(reading, "parse_cell", lambda text: sources.append(text) or parse(text))
    return sources


def of_kind(kind, *cells):
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": kind, "source": cell} for cell in cells]})


def code_of(text):
    return [cell.saved.source for cell in code_cells(saved_cells(parse_notebook(text)), WANTED)]


@pytest.mark.parametrize("kind", ["code", "markdown"])
def test_a_cell_is_parsed_once_however_many_names_are_looked_for(parsed, kind):
    code_of(of_kind(kind, *[f"{ALL_NAMED}x = {n}" for n in range(10)]))
    assert len(parsed) == 10


def test_a_notebook_that_is_too_long_is_not_parsed(tmp_path, parsed):
    text = of_kind("code", *[ALL_NAMED + "0\n" * (MAX_SOURCE // 15)] * 8)
    with pytest.raises(TooLong, match="has more than 2 MB of code"):
        code_of(text)
    assert parsed == []
    assert "has more than 2 MB of code: not read" in said(read(tmp_path, text))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("cells", "most"), [([ALL_NAMED + "0\n" * (MAX_SOURCE // 15)] * 20, 8), ([ALL_NAMED] * 5_000, MAX_CELLS)]
)
def test_no_more_is_parsed_of_other_cells_than_of_code(parsed, cells, most):
    assert code_of(of_kind("markdown", *cells, CODE)) == []
    assert 0 < len(parsed) <= most + 1


def test_long_text_without_a_definition_hides_none_in_a_later_cell():
    assert code_of(of_kind("markdown", "kl " * MAX_SOURCE, CODE)) == [CODE]


@pytest.mark.thorough
def test_blank_lines_before_a_mistake_take_no_time():
    def read_cells(size: int) -> None:
        source = "\n" * size + "z = = def kl"
        assert code_of(of_kind("code", source, "def kl(")) == [source, "def kl("]

    assert growth(read_cells, 25_000) < MOST
