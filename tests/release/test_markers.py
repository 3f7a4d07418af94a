"""Which item a marked piece belongs to, and every way in which marks can be wrong."""

from __future__ import annotations

from textwrap import dedent

import pytest

from autograder.errors import UserError
from autograder.release.markers import Mark, find_marks
from autograder.source.lines import Place
from autograder.source.spans import Source
from tests.release.course import PLACE, RUBRIC


def marks(text: str, place: Place = PLACE) -> tuple[Mark, ...]:
    return find_marks(Source.parse(dedent(text), place), RUBRIC)


def refusal(text: str, place: Place = PLACE) -> str:
    with pytest.raises(UserError) as caught:
        marks(text, place)
    return str(caught.value)


def test_a_region_belongs_to_the_blank_around_it() -> None:
    (mark,) = marks(
        """
        class Normal:
            def kl(self):
                ### BEGIN SOLUTION
                return 1
                ### END SOLUTION
        """
    )
    assert (mark.item.id, mark.first_line, mark.last_line, mark.in_function) == ("vae.kl", 4, 6, True)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("def draw():\n    def inner():\n        return 1  # SOLUTION\n    return inner\n", "vae.draw"),
        ("async def draw():\n    ### BEGIN SOLUTION\n    await x\n    ### END SOLUTION\n", "vae.draw"),
        ("### BEGIN SOLUTION\nbetas = 1\n### END SOLUTION\n", "vae.betas"),
        ("if True:\n    betas: int = 1  # SOLUTION\n", "vae.betas"),
        ("### BEGIN SOLUTION\n@wraps\ndef draw(): return 1\n### END SOLUTION\n", "vae.draw"),
        ("class Normal:\n    ### BEGIN SOLUTION\n    def kl(self): return 1\n    ### END SOLUTION\n", "vae.kl"),
        ("class Normal:\n    kl = 3  # SOLUTION\n", "vae.kl"),
        ("class Model:\n    def __init__(self):\n        self.x = 1  # SOLUTION\n", "vae.model"),
        ("class Model:\n    width = 3  # SOLUTION\n", "vae.model"),
        ("def helper():\n    return 1  # SOLUTION vae.why\n", "vae.why"),
        ("### BEGIN SOLUTION vae.more\nprint(1)\n### END SOLUTION vae.more\n", "vae.more"),
    ],
)
def test_attribution(text: str, item: str) -> None:
    (mark,) = marks(text)
    assert mark.item.id == item


def test_markers_in_strings_are_none() -> None:
    assert marks('x = """\n### BEGIN SOLUTION\n# begin solution\n"""\ny = "# SOLUTION"\nz = f"{y}# SOLUTION"\n') == ()


BEGIN, END = "### BEGIN SOLUTION vae.kl\n", "### END SOLUTION\n"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\n" + END, 2, "END SOLUTION without a BEGIN SOLUTION"),
        (BEGIN + "x = 1\n", 1, "BEGIN SOLUTION without an END SOLUTION"),
        (BEGIN + BEGIN + "x = 1\n" + END + END, 2, "inside the region that begins at line 1; regions do not nest"),
        (BEGIN + "x = 1  # SOLUTION\n" + END, 2, "SOLUTION inside the region that begins at line 1"),
        (BEGIN + "x = 1\n### END SOLUTION vae.draw\n", 3, "ends the region of vae.kl"),
        (BEGIN + END, 1, "holds no code"),
        (BEGIN + "# nothing\n\n" + END, 1, "holds no code"),
        ("x = 1  " + BEGIN + "y = 1\n" + END, 1, "needs a line of its own"),
        (BEGIN + "y = 1\nx = 1  " + END, 3, "needs a line of its own"),
        ("# SOLUTION vae.kl\nx = 1\n", 1, "stands behind a statement"),
        ("x = [\n    # SOLUTION vae.kl\n    1]\n", 2, "stands behind a statement"),
        ("### PROMPT: hint\nx = 1\n", 1, "PROMPT without a BEGIN SOLUTION"),
        (BEGIN + "# PROMPT hint\nx = 1\n" + END, 2, "looks like a prompt but is none"),
        (BEGIN + "# prompt: hint\nx = 1\n" + END, 2, "looks like a prompt but is none"),
        (
            "### BEGIN SOLUTION vae.kll\nx = 1\n" + END,
            1,
            "no item 'vae.kll' in this assignment; did you mean \"vae.kl\"?",
        ),
        ("x = 1  # SOLUTION VAE.kl\n", 1, 'did you mean "vae.kl"?'),
        ("x = 1  # SOLUTION other.file\n", 1, "belongs to other.py, not to vae.py"),
        (
            "def draw():\n    return 1  # SOLUTION vae.kl\n",
            2,
            "the marker says 'vae.kl', but 'draw' is a blank of 'vae.draw'; leave the item out",
        ),
        ("### BEGIN SOLUTION\nx = 1\n" + END, 1, "which item is this? x is no blank of vae.py"),
        ("def f():\n    return 1  # SOLUTION\n", 2, "which item is this? f is no blank"),
        ("print(1)  # SOLUTION\n", 1, "which item is this?"),
        ("### BEGIN SOLUTION\nbetas = 1\ndef draw(): pass\n" + END, 1, "several items (vae.betas, vae.draw)"),
        ("for x in y:  # SOLUTION vae.kl\n    pass\n", 1, "marks one simple statement"),
        ("@wraps  # SOLUTION vae.kl\ndef f(): pass\n", 1, "marks one simple statement"),
        ("a = 1; b = 2  # SOLUTION vae.kl\n", 1, "behind several statements"),
        ("a = (  # SOLUTION vae.kl\n    1); b = 2\n", 2, "code behind a statement marked # SOLUTION"),
        ("(a,  # SOLUTION vae.kl\n b) = f()\n", 1, "inside the left side"),
        ("a: int  # SOLUTION vae.kl\n", 1, "annotation without a value"),
        ("a = (  # SOLUTION vae.kl\n    1)  # SOLUTION vae.kl\n", 1, "marked twice"),
        ("# begin solution\nx = 1\n", 1, "looks like a marker but is none"),
        ("x = (\n", 1, "not valid Python"),
        ("x = 1\n  y = 2\n", 2, "not valid Python"),
    ],
)
def test_bad_marks_are_named_with_file_and_line(text: str, line: int, reason: str) -> None:
    from autograder.release.stubs import strip_python

    with pytest.raises(UserError) as caught:
        strip_python(text, PLACE, RUBRIC)
    assert str(caught.value).startswith(f"solutions/tiny/vae.py, line {line}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (
            "def f():\n    x = 1\n    {BEGIN}    return x\ndef g():\n    y = 1\n    {END}    return y\n",
            "boundary of 'f'",
        ),
        ("{BEGIN}x = 1\ndef g():\n    y = 1\n    {END}    return y\n", "boundary of 'g'"),
        ("class A:\n    def f(self):\n        {BEGIN}        return 1\nx = 1\n{END}", "boundary of 'A'"),
        ("@wraps\n{BEGIN}def f():\n    return 1\n{END}", "cuts through a statement at line 3"),
        ("if a:\n    {BEGIN}    x = 1\nelse:\n    x = 2\n    {END}    y = 1\n", "statement of lines"),
        ("if a:\n    x = 1\n{BEGIN}elif b:\n    x = 2\n{END}", "cuts through"),
        ("if a:\n    x = 1\n    {BEGIN}else:\n    x = 2\n    {END}    y = 1\n", "cuts through a statement at line 4"),
        ("try:\n    {BEGIN}    x = 1\nexcept E:\n    x = 2\n    {END}    y = 1\n", "statement of lines"),
        ("x = f(\n    {BEGIN}    1,\n    {END}    2)\n", "statement of lines 1 to 5"),
        ("def f(\n    {BEGIN}    a,\n    {END}    b): pass\n", "boundary of 'f'"),
        ("x = 1 + \\\n    2\ny = [\n{BEGIN}1]; z = 3\n{END}", "statement of lines 3 to 5"),
    ],
)
def test_regions_that_straddle_are_refused(text: str, cut: str) -> None:
    text = text.replace("{BEGIN}", BEGIN).replace("{END}", END)
    assert cut in refusal(text)


def test_a_bad_mark_in_a_notebook_names_the_cell() -> None:
    assert refusal("x = 1\n# begin solution\n", Place("a.ipynb", 4)).startswith("a.ipynb, cell 4, line 2: ")
