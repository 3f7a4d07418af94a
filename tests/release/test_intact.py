"""Files that students get as they are hold no mark, near-miss or word to staff, whatever their kind."""

from __future__ import annotations

import pytest

from autograder.errors import UserError
from autograder.release.packing import zip_bytes
from tests.release.course import PUBLIC, Course, code, markdown, notebook

HANDOUT = "assignments/tiny/handout.md"
CHECK = "assignments/tiny/checks/public/test_public.py"
PROBE = "assignments/tiny/checks/public/probes.py"
PROVIDED = "assignments/tiny/provided/networks.py"
DEMO = "assignments/tiny/provided/demo.ipynb"
TABLE = "assignments/tiny/provided/table.yaml"

BAD_LINES = ["### BEGIN SOLUTION vae.kl", "# begin solution", "### BEGIN HIDDEN TESTS", "# instructor only"]


def place(course: Course, name: str, text: str) -> None:
    """Put a file among those that leave."""
    course.write(name, text)
    if name in (DEMO, TABLE):
        course.edit("assignments/tiny/assignment.toml", '"networks.py"', f'"networks.py", "{name.split("/")[-1]}"')


@pytest.mark.parametrize("line", BAD_LINES)
@pytest.mark.parametrize("name", [HANDOUT, CHECK, PROBE, PROVIDED, DEMO, TABLE])
def test_marks_are_looked_for_in_every_file_that_leaves(course: Course, name: str, line: str) -> None:
    text = f"x = 1\n{line}\n" if name != CHECK else f"{PUBLIC}\n{line}\n"
    place(course, name, text if name != DEMO else notebook(markdown("Read this."), code(text)))
    with pytest.raises(UserError) as caught:
        course.build()
    where, number = (f"{name}, cell 2", 2) if name == DEMO else (name, text.count("\n"))
    assert str(caught.value).startswith(f"{where}, line {number}: ")
    assert not (course.root / "dist").exists()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (markdown("### BEGIN SOLUTION vae.why\nBecause.\n### END SOLUTION"), "cell 1, line 1: a marker in a file that"),
        (markdown("**Solution:** because."), "cell 1, line 1: '**Solution:** because.' leads in"),
        (code("x = 1  # SOLUTION"), "cell 1, line 1: a marker in a file that"),
        (code("%%bash\n# SOLUTION\nls"), "cell 1, line 2: "),
        (code("!pip install \\\n  torch\n# BEGIN TESTS"), "cell 1, line 3: '# BEGIN TESTS' is no mark"),
        (
            code("x = 1", metadata={"tags": ["instructor-only"]}),
            "cell 1: a cell tagged 'instructor-only' in a file that",
        ),
        (code("x = 1", metadata={"nbgrader": {"solution": True}}), "cell 1: nbgrader.solution = True"),
        (code("x = = 1"), "cell 1, line 1: not valid Python"),
    ],
)
def test_provided_notebooks_are_looked_through_cell_by_cell(
    course: Course, cell: dict[str, object], reason: str
) -> None:
    place(course, DEMO, notebook(cell))
    with pytest.raises(UserError) as caught:
        course.build()
    assert str(caught.value).startswith(f"{DEMO}, {reason}")


def test_archives_are_looked_into(course: Course) -> None:
    name = "assignments/tiny/provided/starter.zip"
    course.edit("assignments/tiny/assignment.toml", '"networks.py"', '"networks.py", "starter.zip"')
    course.write(name, "")
    (course.root / name).write_bytes(zip_bytes({"more/helper.py": b"x = 1\n### BEGIN SOLUTION vae.kl\n"}))
    with pytest.raises(UserError) as caught:
        course.build()
    assert str(caught.value).startswith(f"{name}: more/helper.py, line 2: a marker in a file that students get")


def test_innocent_files_leave_as_they_are(course: Course) -> None:
    place(course, TABLE, "answers: 3\n# the solution of the heat equation\nsolution: x\n")
    place(course, DEMO, notebook(markdown("## Hidden layers"), code("%%bash\nls", execution_count=None)))
    course.edit("assignments/tiny/assignment.toml", '"networks.py"', '"networks.py", "blob.bin"')
    (course.root / "assignments/tiny/provided/blob.bin").write_bytes(b"\0# BEGIN SOLUTION\n\xff")
    (release,) = course.build()
    assert {"table.yaml", "demo.ipynb", "blob.bin"} <= set(release.template)
