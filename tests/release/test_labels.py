"""Cells that other tools keep from students, by tags, titles and metadata, are refused; other labels are not."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.errors import UserError
from autograder.references import notebook_of_text, reference_code
from autograder.release.labels import is_for_staff, is_staff_tag
from tests.release.course import Course
from tests.release.test_notebook_template import code, markdown, strip

REGION = "class Normal:\n    def kl(self):\n        ### BEGIN SOLUTION\n        return 1\n        ### END SOLUTION"


@pytest.mark.parametrize(
    "tag",
    [
        *(
            "Instructor_Only",
            "instructor",
            "instructors-only",
            "instructorOnly",
            "staff",
            "staff-only",
            "teacher",
            "TA",
        ),
        *("solution", "Solutions", "solution2", "ex1_solution", "answer-key", "answers", "model_answer", "hidden"),
        *(
            "hidden-tests",
            "remove-cell",
            "remove_input",
            "hide-cell",
            "hide-input",
            "hideInput",
            "to_remove",
            "private",
        ),
        *("exclude", "ignore", "omit", "secret", "grader", "mark-scheme", "rubric", "delete", "key"),
    ],
)
def test_tags_that_keep_a_cell_back_elsewhere_are_refused(tag: str) -> None:
    if tag == "mark-scheme":
        tag = "markscheme"
    for cell in (code("x = 1", metadata={"tags": [tag]}), markdown("text", metadata={"tags": ["keep", tag]})):
        with pytest.raises(UserError, match=rf"a\.ipynb, cell 2: tag '{tag}' .*did you mean 'instructor-only'\?"):
            strip(markdown("first"), cell)


@pytest.mark.parametrize(
    "tag",
    [
        *("editable", "answer", "parameters", "raises-exception", "skip-execution", "remove-output", "hide-output"),
        *("remove-stderr", "full-width", "dropdown", "dropout", "scroll-output", "figure", "training", "keyboard"),
    ],
)
def test_other_tags_stay(tag: str) -> None:
    assert not is_staff_tag(tag)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (
            {"nbgrader": {"grade": False, "solution": True, "locked": False, "grade_id": "a"}},
            "nbgrader.solution = True",
        ),
        ({"nbgrader": {"grade": True, "solution": True, "points": 2}}, "nbgrader.solution = True"),
        ({"solution2": "hidden"}, "solution2 = 'hidden'"),
        ({"solution": "shown"}, "solution = 'shown'"),
        ({"instructor": True}, "instructor = True"),
        ({"purpose": "solution"}, "purpose = 'solution'"),
        ({"extended_cell": {"type": "staff only"}}, "extended_cell.type = 'staff only'"),
        ({"slideshow": {"slide_type": "notes"}}, "slideshow.slide_type = 'notes'"),
        ({"title": "Solution"}, "title 'Solution'"),
        ({"Tags": ["instructor-only"]}, "'Tags' instead of 'tags'"),
        ({"tag": "x"}, "'tag' instead of 'tags'"),
    ],
)
def test_whole_cells_that_are_a_solution_by_their_metadata_are_refused(metadata: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        strip(code("best = 271828", metadata=metadata))
    assert str(caught.value).startswith("a.ipynb, cell 1: ") and reason in str(caught.value)
    assert "271828" not in strip(code("best = 271828", metadata={**metadata, "tags": ["instructor-only"]})).text


@pytest.mark.parametrize(
    "metadata",
    [
        {"nbgrader": {"grade": True, "solution": False, "locked": True, "grade_id": "solution-1"}},
        {"jupyter": {"source_hidden": True}, "hide_input": True, "collapsed": True, "cellView": "form"},
        {"executionInfo": {"user": {"displayName": "TA"}}, "id": "solution", "vscode": {"languageId": "python"}},
        {"slideshow": {"slide_type": "skip"}, "title": "The solution of the heat equation"},
        {"solution": False},
    ],
)
def test_what_clients_write_into_metadata_says_nothing(metadata: dict[str, Any]) -> None:
    assert "x = 1" in strip(code("x = 1", metadata=metadata)).text


def test_a_cell_with_a_blank_may_be_called_a_solution() -> None:
    metadata = {"nbgrader": {"solution": True}, "title": "Solution"}
    assert "return 1" not in strip(code(REGION, metadata=metadata)).text


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (code("x", metadata=None), "metadata must be a table"),
        (code("x", metadata={"tags": "instructor-only"}), 'tags must be a list, such as ["instructor-only"]'),
        (code("x", metadata={"tags": ["a", 1]}), "tags must be a list"),
        (code("x", metadata={"tags": None}), "tags must be a list"),
        (code("x", outputs=None), "outputs is not what Jupyter writes"),
        (code("x", outputs=["a"]), "an output or attachment is no table"),
        (markdown("x", attachments=["a.png"]), "attachments is not what Jupyter writes"),
        (markdown("", source=None), "source is not what Jupyter writes"),
    ],
)
def test_metadata_of_the_wrong_type_is_named_with_its_cell(cell: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        strip(markdown("first"), cell)
    assert str(caught.value).startswith("a.ipynb, cell 2: ") and reason in str(caught.value)


def test_metadata_of_a_notebook_of_the_wrong_type_is_named() -> None:
    with pytest.raises(UserError, match=r"a\.ipynb: metadata and its kernelspec must be tables"):
        strip(code("x"), kernelspec=[])


def test_a_cell_after_a_heading_for_the_solution_is_marked() -> None:
    for lead in ("# Part 1\n\n## Solution", "**Solution:**", "Model answer:"):
        for cell in (code("best = 271828"), markdown("By Jensen.")):
            with pytest.raises(UserError, match=r"a\.ipynb, cell 2: an answer that is not marked comes after"):
                strip(markdown(lead), cell)
        for cell in (code(REGION), code("..."), code(""), markdown("*Your answer here*"), code("# TODO: your code")):
            strip(markdown(lead), cell)
    strip(markdown("## Solution of the heat equation"), code("best = 271828"))
    strip(markdown("## Solution\n\n### BEGIN SOLUTION vae.why\nBy Jensen.\n### END SOLUTION"), code("x = 1"))


def test_a_cell_called_an_answer_has_a_blank() -> None:
    tagged: dict[str, Any] = {"tags": ["answer"]}
    with pytest.raises(UserError, match=r"a\.ipynb, cell 1: tag 'answer', but nothing is marked in the cell"):
        strip(code("best = 271828", metadata=tagged))
    strip(code(REGION, metadata=tagged), markdown("*Your answer here*", metadata=tagged))


TITLES = [
    "Solution",
    "Solution 2",
    "Exercise 1 solution",
    "Solution to exercise 3",
    "[instructor-only]",
    "Staff",
    "Hidden",
]
PLAIN = [
    "Hidden layers",
    "The solution of the heat equation",
    "Training",
    "Teacher",
    "Private helpers",
    "Ignore small values",
    "",
]


@pytest.mark.parametrize("title", [*TITLES, *PLAIN])
def test_titles_that_are_for_staff_and_titles_that_are_not(title: str) -> None:
    assert is_for_staff(title) is (title in TITLES)


HEADS = {
    "cell 2: title": [
        "# %% [instructor-only]",
        "# %% instructor-only",
        "# %% Solution",
        "# %% [solution]",
        "# %% Solution [markdown]",
        "# %% [markdown] Instructor notes",
        '# %% tags: ["instructor-only"]',
    ],
    'tags are a list: # %% tags=["instructor-only"]': [
        '# %% tags="instructor-only"',
        "# %% tags=[instructor-only]",
        '# %% tags=["instructor-only"',
        "# %% tags=instructor-only",
    ],
    "instead of 'tags'": ['# %% tag=["instructor-only"]', '# %% Tags=["instructor-only"]'],
    "cell 2: solution = True": ["# %% solution=true"],
    "cell 2: nbgrader.solution = True": ['# %% nbgrader={"solution": true}'],
    "did you mean 'instructor-only'": ['# %% tags=["solution"]', '# %% tags=["instructor only"]'],
    "is no mark of this project": ['# %%tags=["instructor-only"]', '# + tags=["instructor-only"]'],
}


def as_notebook(course: Course, head: str) -> None:
    course.edit("assignments/tiny/assignment.toml", 'required = ["vae.py"]', 'required = ["vae.ipynb"]')
    course.edit("assignments/tiny/assignment.toml", 'file = "vae.py"', 'file = "vae.ipynb"')
    course.edit("solutions/tiny/vae.py", '"""A normal', '# %%\n"""A normal')
    text = (course.root / "solutions/tiny/vae.py").read_text()
    course.write("solutions/tiny/vae.py", f"{text}\n\n{head}\n# best = 271828\n")


@pytest.mark.parametrize(("reason", "head"), [(why, head) for why, heads in HEADS.items() for head in heads])
def test_heads_of_cells_that_keep_nothing_back_are_refused(course: Course, reason: str, head: str) -> None:
    as_notebook(course, head)
    with pytest.raises(UserError) as caught:
        course.build()
    message = str(caught.value)
    assert message.startswith("solutions/tiny/vae.py, cell ") and reason in message and "\n" not in message


@pytest.mark.parametrize(
    "head",
    [
        *('# %% tags=["instructor-only"]', "# %% tags=['instructor-only']", '# %% {"tags": ["instructor-only"]}'),
        *(
            '#%% tags=["instructor-only"]',
            '# %% Solution tags=["instructor-only"]',
            '#  %% [raw] tags=["instructor-only"]',
        ),
    ],
)
def test_heads_of_cells_that_stay_at_home(course: Course, head: str) -> None:
    as_notebook(course, head)
    (release,) = course.build()
    assert (
        b"271828" not in release.template["vae.ipynb"] and b"raise NotImplementedError" in release.template["vae.ipynb"]
    )


def test_a_header_that_cannot_be_read_is_named(course: Course) -> None:
    as_notebook(course, "# %%")
    course.edit("solutions/tiny/vae.py", '# %%\n"""A', '# ---\n# jupyter:\n#   kernelspec: 3\n# ---\n\n# %%\n"""A')
    with pytest.raises(UserError, match=r"solutions/tiny/vae\.py: the header above the first cell cannot be read"):
        course.build()


def test_a_notebook_as_text_is_read_as_one_whatever_its_heads_and_commands(course: Course) -> None:
    as_notebook(course, "#%% [markdown]")
    course.edit("solutions/tiny/vae.py", "import torch\n", "!pip install \\\n    torch\nimport torch\n")
    lines = reference_code(course.assignment, "vae.ipynb").split("\n")
    assert lines[3:6] == ["pass", "", "import torch"] and "# best = 271828" not in lines
    assert len(notebook_of_text((course.root / "solutions/tiny/vae.py").read_text(), "vae.py")["cells"]) == 2
