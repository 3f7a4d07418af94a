from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from autograder.errors import UserError
from autograder.release.notebook_template import as_python, strip_notebook
from autograder.release.rubric import Rubric
from autograder.release.stubs import Stripped
from autograder.source.lines import Place
from tests.release.course import MANIFEST, code, markdown, notebook

ITEM = MANIFEST.items[0].model_copy(update={"file": "a.ipynb"})
RUBRIC = Rubric(MANIFEST.model_copy(update={"items": (ITEM, *MANIFEST.items[1:])}), "a.ipynb")
PLACE = Place("a.ipynb")
PNG = "iVBORw0KGgo" * 10


def strip(*cells: dict[str, Any], **metadata: Any) -> Stripped:
    return strip_notebook(notebook(*cells, **metadata), PLACE, RUBRIC)


def cells_of(result: Stripped) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(result.text)["cells"]
    return cells


def test_code_cells_get_stubs_and_lose_what_was_computed() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": ["loss: 3.25\n"]}
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PNG}}
    source = [
        "%matplotlib inline\n",
        "class Normal:\n",
        "    def kl(self):\n",
        "        ### BEGIN SOLUTION\n",
        "        return 1\n",
        "        ### END SOLUTION",
    ]
    result = strip(code("", source=source, outputs=[output, picture]))
    (cell,) = cells_of(result)
    assert cell["source"] == (
        "%matplotlib inline\nclass Normal:\n    def kl(self):\n"
        '        raise NotImplementedError("vae.kl (2 points): KL divergence")'
    )
    assert (cell["outputs"], cell["execution_count"], cell["id"]) == ([], None, "c1")
    assert result.blanks == 1 and "Normal.kl" in result.covered
    removed = "".join(piece.text for piece in result.removed)
    assert "loss: 3.25" in removed and PNG in removed and "return 1" in removed


def test_markdown_and_raw_cells_lose_answers_and_the_attachments_that_go_with_them() -> None:
    text = "![q](attachment:q.png)\n### BEGIN SOLUTION vae.why\n![a](attachment:a.png)\n### END SOLUTION"
    attachments = {"q.png": {"image/png": "cXVlc3Rpb24="}, "a.png": {"image/png": PNG}}
    result = strip(markdown(text, attachments=attachments), {**markdown(text, id="r1"), "cell_type": "raw"})
    first, second = cells_of(result)
    assert first["source"] == second["source"] == "![q](attachment:q.png)\n*Your answer here (4 points)*"
    assert list(first["attachments"]) == ["q.png"]
    assert any(piece.text == PNG for piece in result.removed)


def test_instructors_cells_and_stray_metadata_go() -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python", "secret": 1}
    tagged = {"tags": ["instructor-only", "x"]}
    kept = {"tags": ["keep"], "collapsed": True, "nbgrader": {"solution": False, "grade_id": "solution-1", "points": 2}}
    result = strip(
        code("x = 'key'", metadata=tagged),
        code("y = 1", id="c2", metadata=kept),
        kernelspec=kernel,
        language_info={"name": "python", "version": "3.11.2"},
        widgets={"state": "secret"},
    )
    (cell,) = cells_of(result)
    assert cell["metadata"] == {"tags": ["keep"]}
    assert json.loads(result.text)["metadata"] == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    assert [piece.text for piece in result.removed] == ["x = 'key'"]


def test_the_result_is_valid_nbformat_4_5_and_stable() -> None:
    old = json.loads(notebook(code("a = 1"), code("b = 1"), markdown("c"), markdown("c")))
    old["nbformat_minor"] = 2
    for cell in old["cells"]:
        del cell["id"]
    first = strip_notebook(json.dumps(old), PLACE, RUBRIC).text
    nbformat.validate(nbformat.reads(first, as_version=4))  # type: ignore[no-untyped-call]
    assert json.loads(first)["nbformat_minor"] == 5
    ids = [cell["id"] for cell in json.loads(first)["cells"]]
    assert len(set(ids)) == 4
    old["cells"].insert(0, markdown("new", id="new"))
    again = [cell["id"] for cell in json.loads(strip_notebook(json.dumps(old), PLACE, RUBRIC).text)["cells"]]
    assert again == ["new", *ids], "a new cell does not rename the others"
    assert strip_notebook(first, PLACE, RUBRIC).text == first, "stripping again changes nothing"


def test_ids_given_twice_are_made_unique() -> None:
    first, second = cells_of(strip(code("a = 1"), code("b = 1")))
    assert first["id"] == "c1" != second["id"]


@pytest.mark.parametrize(
    ("cell", "where", "reason"),
    [
        (code("x = 1\n# begin solution"), "a.ipynb, cell 2, line 2", "looks like a marker"),
        (code("### BEGIN SOLUTION vae.kl\nx = 1"), "a.ipynb, cell 2, line 1", "without an END SOLUTION"),
        (code("x = = 1"), "a.ipynb, cell 2, line 1", "not valid Python"),
        (markdown("### BEGIN SOLUTION\n"), "a.ipynb, cell 2, line 1", "which item is this?"),
        (code("%%bash\n### BEGIN SOLUTION vae.kl\nls\n### END SOLUTION"), "a.ipynb, cell 2", "no Python"),
        (code("!ls  # SOLUTION vae.kl"), "a.ipynb, cell 2", "on a line with a magic"),
        (code("x", metadata={"tags": ["Instructor_Only"]}), "a.ipynb, cell 2", "did you mean 'instructor-only'"),
        ({"cell_type": "cod"}, "a.ipynb, cell 2", "neither a code nor a Markdown cell"),
    ],
)
def test_problems_are_named_with_file_and_cell(cell: dict[str, Any], where: str, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        strip(markdown("first"), cell)
    assert str(caught.value).startswith(where) and reason in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"nbformat": 3, "worksheets": []}', '{"nbformat": 4}'])
def test_what_is_no_notebook_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"a\.ipynb: not a notebook"):
        strip_notebook(text, PLACE, RUBRIC)


def test_a_region_may_hold_magics_and_scripts_of_other_languages_stay() -> None:
    region = "### BEGIN SOLUTION vae.kl\nbetas = 1\n!echo secret\n### END SOLUTION\n%%time"
    bash = "%%bash\necho 'kept'"
    stub, script = cells_of(strip(code(region.removesuffix("%%time")), code(bash, id="c2")))
    assert stub["source"] == "# vae.kl (2 points): your code in place of ...\nbetas = ...\n"
    assert script["source"] == bash


def test_only_lines_that_are_no_python_count_as_magics() -> None:
    cell = "%%time\nx = (7\n  % 3)\nfiles = !ls\n    \nif x:\n    %timeit f(x)\nx?\n"
    assert as_python(cell) == "pass\nx = (7\n  % 3)\nfiles = None\n    \nif x:\n    pass\npass\n"
    assert cells_of(strip(code(cell)))[0]["source"] == cell


def test_commands_are_read_as_in_hand_ins() -> None:
    region = "def double(x):\n    ### BEGIN SOLUTION vae.kl\n    %time y = x + x\n    return y\n    ### END SOLUTION\n"
    cell = "!pip install \\\n    torch \\\n    numpy\nfiles = !ls\n" + region + "double?\n```\n"
    (stub,) = cells_of(strip(code(cell)))
    assert stub["source"] == cell.replace(
        region, 'def double(x):\n    raise NotImplementedError("vae.kl (2 points): KL divergence")\n'
    )
    assert as_python(cell).count("\n") == cell.count("\n")
    windows = cells_of(strip(code(cell.replace("\n", "\r\n"))))[0]["source"]
    assert windows == stub["source"].replace("\n", "\r\n")
    written = "%%writefile model.py\n" + region
    assert cells_of(strip(code(written)))[0]["source"].startswith("%%writefile model.py\ndef double(x):\n    raise")


def test_pictures_that_the_text_shows_stay_however_their_names_are_written() -> None:
    names = ["my plot.png", "a&b.png", "Zür.png", "answer"]
    text = (
        "![](attachment:my%20plot.png) ![](attachment:a&amp;b.png) ![](attachment:Zu\u0308r.png) attachment:answer2.png"
    )
    (cell,) = cells_of(strip(markdown(text, attachments={name: {"image/png": PNG} for name in names})))
    assert set(cell["attachments"]) == set(names[:3])


def test_provided_cells_are_locked_and_answers_are_marked() -> None:
    region = "class Normal:\n    def kl(self):\n        ### BEGIN SOLUTION\n        return 1\n        ### END SOLUTION"
    answer = "### BEGIN SOLUTION vae.why\nBecause.\n### END SOLUTION"
    cells = [code("import torch"), code(region), markdown("# Read me"), markdown(answer), code("n = 1")]
    cells[4]["metadata"] = {"tags": ["editable"]}
    got = [cell["metadata"] for cell in cells_of(strip(*cells))]
    locked, answered = {"deletable": False, "editable": False}, {"deletable": False, "tags": ["answer"]}
    assert got == [locked, answered, locked, answered, {"tags": ["editable"]}]


def test_a_notebook_without_blanks_is_not_locked() -> None:
    assert cells_of(strip(code("n = 1")))[0]["metadata"] == {}


@pytest.mark.parametrize(
    "metadata", [{"kernelspec": {"language": "R", "name": "ir", "display_name": "R"}}, {"language_info": {"name": "R"}}]
)
def test_other_languages_are_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"a\.ipynb: is written in R; only notebooks in Python"):
        strip(code("x <- 1"), **metadata)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("### BEGIN SOLUTION vae.kl\nx = 1\n### END SOLUTION", "stub"),
        ("##BEGIN SOLUTION vae.kl\nx = 1\n#### END SOLUTION", "stub"),
        ("### BEGIN SOLUTION vae.kl\nx = 1", "without an END"),
        (
            "### BEGIN SOLUTION vae.kl\n### BEGIN SOLUTION vae.kl\nx = 1\n### END SOLUTION\n### END SOLUTION",
            "do not nest",
        ),
        ("x = 1\n### END SOLUTION", "END SOLUTION"),
        ("### BEGIN SOLUTON vae.kl\nx = 1\n### END SOLUTION", "BEGIN SOLUTION"),
        ('x = """\n### BEGIN SOLUTION\n"""', "kept"),
    ],
)
def test_the_documented_rules_of_nbgrader_hold_and_more(source: str, expected: str) -> None:
    if expected in ("stub", "kept"):
        (cell,) = cells_of(strip(code(source)))
        assert (cell["source"] == source) is (expected == "kept") and ("vae.kl (2 points)" in cell["source"]) is (
            expected == "stub"
        )
        return
    with pytest.raises(UserError) as error:
        strip(code(source))
    assert "a.ipynb, cell 1" in str(error.value) and expected in str(error.value)
