"""A reference notebook, kept as text or as it is: released, proved and graded like a file."""

from __future__ import annotations

import json
from pathlib import Path

import jupytext
import pytest

from autograder.errors import UserError
from autograder.references import reference_code
from autograder.release.template import make_template
from autograder.verify.matrix import ProblemKind
from autograder.verify.mutation.variants import without_item
from tests.tiny import MANIFEST, Tiny
from tests.verify.proving import HALF, MINUS, ONCE, ONE, TRIPLE, TWO, Proving, told

HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Twice
#
# ### BEGIN SOLUTION report
# Because it says so.
# ### END SOLUTION

# %%
# %matplotlib inline
"""
END = """
# %%
losses = []
for epoch in range(10**12):
    losses.append(double(epoch))

# %% tags=["instructor-only"]
print("the seed is 3")
"""
TEXT = HEADER + ONE.replace("\ndef ", "\n# %%\ndef ") + END


class Notebooks(Proving):
    """The tiny assignment with a notebook in place of its first file."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        manifest = MANIFEST.replace('"one.py", "two.py"', '"one.ipynb", "two.py"')
        self.write("assignments/tiny/assignment.toml", manifest.replace('file = "one.py"', 'file = "one.ipynb"'))
        self.write("solutions/tiny/one.py", TEXT)


@pytest.fixture
def course(tmp_path):
    return Notebooks(tmp_path)


def cells(notebook):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def test_the_template_is_a_notebook_without_the_solution(course):
    made = json.loads(make_template(course.loaded).files["one.ipynb"])
    text = json.dumps(made)
    assert made["nbformat"] == 4 and made["metadata"]["kernelspec"]["name"] == "python3"
    assert "return x * 2" not in text and "the seed is 3" not in text and "Because it says so" not in text
    assert ("code", "%matplotlib inline\n\nimport torch") in cells(made)
    assert any("Your answer here" in source for kind, source in cells(made) if kind == "markdown")
    assert make_template(course.loaded).files == make_template(course.loaded).files


def test_a_notebook_kept_as_text_is_proved_without_its_loop(course):
    report = course.verify()
    assert told(report) == {} and report.passed


def test_one_item_of_a_notebook_kept_as_text_is_proved_alone(course):
    report = course.verify(item="one.double")
    assert told(report) == {} and any(row.own == "one.double" for row in report.rows)


def test_a_notebook_kept_as_it_is_is_proved_too(course):
    (course.root / "solutions/tiny/one.py").unlink()
    course.write("solutions/tiny/one.ipynb", jupytext.writes(jupytext.reads(TEXT, fmt="py:percent"), fmt="ipynb"))
    assert told(course.verify()) == {}
    course.catalogue(TRIPLE + HALF + ONCE + MINUS.replace("x - ONE", "ONE + x"))
    assert told(course.verify()) != {}


def test_an_alternative_may_be_a_notebook(course):
    other = TEXT.replace("return x * 2", "return x + x")
    course.write(
        "assignments/tiny/alternatives/sum/one.ipynb", jupytext.writes(jupytext.reads(other, fmt="py:percent"), "ipynb")
    )
    wrong = other.replace("x + x", "x - x")
    course.write("assignments/tiny/alternatives/none/one.py", wrong)
    rows = {row.name: row for row in course.verify().rows}
    assert not any(cell.failed for cell in rows["sum"].cells) and rows["none"].cells[0].failed


def test_an_item_can_be_left_unwritten_beside_written_answers(course):
    code = reference_code(course.loaded, "one.ipynb").encode()
    left = without_item(course.loaded, course.loaded.manifest.item("one.double"), code)
    assert left is not None
    text = left.decode()
    assert "return x * 2" not in text and "return double(double(x))" in text
    assert "Because it says so" not in text and text.count("# %%") == TEXT.count("# %%")
    assert text.split("\n").index("# %%") == TEXT.split("\n").index("# %%")


def test_both_forms_of_one_notebook_are_one_too_many(course):
    course.write("solutions/tiny/one.ipynb", "{}")
    with pytest.raises(UserError, match="keep one of them"):
        make_template(course.loaded)


def test_text_that_is_no_notebook_is_refused(course):
    course.write("solutions/tiny/one.py", ONE)
    with pytest.raises(UserError, match=r"solutions/tiny/one\.py: no notebook as text"):
        make_template(course.loaded)


def test_a_bad_marker_is_told_by_the_cell_of_the_text(course):
    course.write("solutions/tiny/one.py", TEXT.replace("### END SOLUTION\n\n# %%", "### END SOLUTON\n\n# %%", 1))
    with pytest.raises(UserError, match=r"solutions/tiny/one\.py, cell \d"):
        make_template(course.loaded)


def graded(course: Tiny, notebook: str):
    """Grade a notebook with the real command."""
    folder = course.root / "mine"
    folder.mkdir()
    (folder / "one.ipynb").write_text(notebook, encoding="utf-8")
    (folder / "two.py").write_text(
        (course.root / "solutions/tiny/two.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    return course.grade(folder)


@pytest.mark.thorough
def test_a_hand_in_is_graded_without_its_loop_and_gets_the_hint(course):
    run = graded(course, written(TEXT.replace("return x * 2", "return x * 3"), run=True))
    assert run.outcomes == {"one.double": "FAIL", "one.quadruple": "PASS", "two.shift": "PASS"}
    assert "look again at triple" in json.dumps(run.results)
    assert "not run here, since it loops: cell 5, line 2" in run.results["output"]


RUN = '''
from autograder.checks import assert_all_cells_run, item, notebook_of

@item("two.shift")
def test_run(one):
    """Every cell was run."""
    assert_all_cells_run(notebook_of(one))
'''


def written(text: str, *, run: bool) -> str:
    """Return a notebook; its code cells may look as if they had been run from top to bottom."""
    notebook = jupytext.reads(text, fmt="py:percent")
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count if run else None
    return jupytext.writes(notebook, "ipynb")


@pytest.mark.parametrize("spoilt", ["# %% execution_count=null", '# %% raises="ValueError"'])
def test_a_reference_kept_as_text_counts_as_run_unless_a_cell_says_otherwise(course, spoilt):
    course.add_check("run", RUN)
    course.alternative("right", one=TEXT, two=TWO)
    assert list(told(course.verify())) == [ProblemKind.IDLE_CHECK]
    course.alternative("idle", one=TEXT.replace("# %%\nlosses", f"{spoilt}\nlosses"), two=TWO)
    rows = {row.name: row for row in course.verify(item="two.shift").rows}
    assert not rows["right"].cell("two.shift").failed and rows["idle"].cell("two.shift").failed


@pytest.mark.thorough
@pytest.mark.parametrize(("run", "outcome"), [(True, "PASS"), (False, "FAIL")])
def test_a_hand_in_must_have_been_run_where_a_check_asks_for_it(course, run, outcome):
    course.add_check("run", RUN)
    assert graded(course, written(TEXT, run=run)).outcomes["two.shift"] == outcome
