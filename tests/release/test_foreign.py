"""Marks of other tools and words to staff are refused wherever they would leave; prose about them is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autograder.errors import UserError
from autograder.release.answers import refuse_prose, strip_markdown
from autograder.release.foreign import refuse_foreign
from autograder.release.stubs import strip_python
from autograder.source.lines import Place, split_lines
from tests.release.course import PLACE, RUBRIC

CODE = {
    "hidden tests go to checks/hidden/": [
        "### BEGIN HIDDEN TESTS",
        "### END HIDDEN TESTS",
        "# begin hidden tests",
        "### BEGIN HIDEN TESTS",
        "#BEGIN HIDDEN TEST q1",
        "# === BEGIN HIDDEN TESTS ===",
        "# HIDDEN TESTS BEGIN",
        "# Hidden tests:",
    ],
    "beside the reference": ["### BEGIN MARK SCHEME", "### End mark scheme", "# BEGIN MARKING SCHEME", "# Answer key"],
    "### PROMPT: text": ["# BEGIN PROMPT", "# END PROMPT"],
    "items are in assignment.toml": [
        "# BEGIN QUESTION",
        "# END QUESTION q1",
        "# BEGIN TESTS",
        "# END TESTS",
        "# END TEST CONFIG",
        "# ASSIGNMENT CONFIG",
    ],
    'write "# SOLUTION"': ["# SOLUTION NO PROMPT", "# NO PROMPT"],
    "tag the cell 'instructor-only'": [
        "# HIDDEN",
        "## Hidden ##",
        "## Ignore ##",
        "# IGNORE",
        "# EXCLUDE",
        "# BEGIN INSTRUCTOR",
        "# end instructor",
        "# START STAFF ONLY",
        "# instructor only",
        "# INSTRUCTOR-ONLY",
        "# Instructor's note: this takes an hour",
        "# Staff solution:",
        "# TA only",
        "# (for instructors only)",
        "# 3. Teacher's copy",
        "# for graders:",
        "# not for students",
        "# hidden from students",
        "# do not show this cell to students",
        "# DO NOT RELEASE",
        "# remove this cell before releasing",
        "# TODO: delete before handing out",
        "# to_remove solution",
        "# to_remove",
        "# to remove explanation",
        "#@solution",
        "# @solution",
        "#@title Solution",
        '# @title Solution to exercise 2 { display-mode: "form" }',
        "# Reference solution",
        "# Solution to Problem 2(a):",
        "# STAFF",
        "# TA: the trick is to complete the square",
        "# Instructor: takes an hour",
        "#| hide",
        "#| include: false",
        "#hide",
        "# Answer: the sum of both",
        "# Solution: expand the square",
        '# + tags=["solution"]',
        '# %%tags=["instructor-only"]',
        '# %% tags=["instructor-only"]',
        "# %% Solution",
        "# %% [instructor-only]",
    ],
}
INNOCENT = [
    "# the hidden layer",
    "# hidden units",
    "# Hidden",
    "# the solution of this equation",
    "# Solution of the ODE by Euler's method",
    "# a solution to the Kolmogorov equation",
    "# begin test",
    "# end of the tests",
    "# run the tests",
    "# start with private copies",
    "# ignore the last batch",
    "# type: ignore",
    "# to remove the mean, subtract it",
    "# remove outliers before training",
    "# strip end",
    "# the staff of the museum",
    "# graders see the figure",
    "# prompt tokens",
    "# do not share weights",
    "# exclude diagonal",
    "# secret_transform",
    "# question 3",
    "# Q2 TESTS",
    "# answer = 42",
    "# Your answer goes here",
    "# %% Hidden layers",
    "# %% The solution of the heat equation",
    "# %% Train",
    "# %% [markdown]",
    '# %% tags=["remove-output"]',
    "# @title Choose a learning rate",
    "# @param {type: 'number'}",
    "# + a bias",
    "# teacher: the large network",
    "# hide",
    "#| label: fig-loss",
    "# Answer:",
    "# Answer: write it here",
    "# Instructor",
    "#!/usr/bin/env python",
]


def said(refuse: Callable[[], None]) -> str:
    """Return the one line of a refusal, "" where nothing is refused."""
    try:
        refuse()
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("proposal", "comment"), [(why, text) for why, texts in CODE.items() for text in texts])
def test_marks_of_other_tools_and_notes_to_staff_are_refused_with_a_proposal(proposal: str, comment: str) -> None:
    with pytest.raises(UserError) as caught:
        refuse_foreign(comment, "vae.py, line 3")
    message = str(caught.value)
    assert message.startswith("vae.py, line 3: ") and proposal in message and "\n" not in message


@pytest.mark.parametrize("comment", INNOCENT)
@pytest.mark.parametrize("alone", [True, False])
def test_comments_that_only_speak_of_such_things_are_left_alone(comment: str, alone: bool) -> None:
    assert said(lambda: refuse_foreign(comment, "here", alone=alone)) == ""


def test_a_seed_of_otter_is_one_behind_code_only() -> None:
    assert said(lambda: refuse_foreign("# SEED", "here", alone=True)) == ""
    with pytest.raises(UserError, match="remove the comment, or mark the line with # SOLUTION"):
        refuse_foreign("# SEED", "here", alone=False)


MARKED = """class Normal:
    def kl(self):
        ### BEGIN SOLUTION
        # {}
        return 1
        ### END SOLUTION
"""


def test_what_goes_anyway_may_say_what_it_likes_and_what_stays_may_not() -> None:
    assert "instructor" not in strip_python(MARKED.format("instructor only"), PLACE, RUBRIC).text
    with pytest.raises(UserError, match=r"vae\.py, line 7: '# instructor only' is no mark of this project"):
        strip_python(MARKED.format("x") + "# instructor only\n", PLACE, RUBRIC)
    strip_python('text = """\n# instructor only\n### BEGIN HIDDEN TESTS\n"""\n', PLACE, RUBRIC)


BANNERS = [
    ("# *****START OF YOUR CODE (DO NOT DELETE THIS LINE)*****", "# *****END OF YOUR CODE*****"),
    ("### START CODE HERE ### (~ 2 lines of code)", "### END CODE HERE ###"),
    ("# YOUR CODE STARTS HERE", "# YOUR CODE ENDS HERE"),
    ("# BEGIN YOUR ANSWER", "# END YOUR ANSWER"),
    ("# BEGIN ANSWER", "# END ANSWER"),
]


@pytest.mark.parametrize(("begin", "end"), BANNERS)
def test_code_between_banners_is_marked_or_missing(begin: str, end: str) -> None:
    text = "def helper(x):\n    {}\n    {}\n    {}\n    return x\n"
    with pytest.raises(UserError, match=r"vae\.py, line 2: the code below .* is not marked"):
        strip_python(text.format(begin, "x = x + 41", end), PLACE, RUBRIC)
    for filler in ("pass", "...", "x = None", "raise NotImplementedError", "# TODO"):
        strip_python(text.format(begin, filler, end), PLACE, RUBRIC)
    marked = "### BEGIN SOLUTION vae.draw\n    x = x + 41\n    ### END SOLUTION\n    x = 2 * x"
    assert "41" not in strip_python(text.format(begin, marked, end), PLACE, RUBRIC).text


PROSE = [
    "=== BEGIN MARK SCHEME ===",
    "### BEGIN HIDDEN TESTS",
    "BEGIN QUESTION",
    "# ASSIGNMENT CONFIG",
    "# HIDDEN",
    "**Instructor note:** takes an hour",
    "## Part 2 (instructors only)",
    "*Not for students.*",
    "Do not give this page to the students.",
    "\\begin{solution}",
    "```{solution} ex-1",
    "::: {.solution}",
    ":::{solution-start} ex-1",
    '??? "Solution"',
    "!!! answer",
    ".. solution::",
    "<details><summary>Solution</summary>",
    '<div class="solution">',
    "{% if instructor %}",
    "{%- if show_solutions %}",
    "#ifdef SOLUTION",
    "<!-- solution: expand the square -->",
    "<!-- TA: give half a point -->",
    "<!--\nthe rubric of question 2\n-->",
    "**Solution:** By Jensen's inequality the bound holds.",
    "Solution: by Jensen's inequality the bound holds.",
    "**Exercise 2. Solution.** It is 3.",
]
HANDOUT = [
    "The solution of this equation is in the handout.",
    "## Solution",
    "## Hidden tests",
    "Hidden checks run after you hand in; what they test is in the rubric.",
    "## Marking scheme",
    "**Solution format:** one zip.",
    "Solutions are released two weeks after the deadline.",
    "Solutions: see the course page after the deadline.",
    "Hand in your solution as `vae.py`.",
    "Do not share your code with other students.",
    "Do not distribute copies of the data.",
    "Instructor: Jane Doe. Staff: see the course page.",
    "Ask the staff, or a TA, when a check seems wrong.",
    "The staff solution reaches 99 %.",
    "The answer to question 2 goes into report.md.",
    "### Answers",
    "**Answer:**",
    "**Answer:** *your answer here*",
    "Remove large files before handing in.",
    "To remove the noise, subtract its mean.",
    "The hidden layer has 400 units.",
    "The solution begins with the ELBO.",
    "# TESTS",
    "Begin with the tests of part 1.",
    "End: Friday.",
    "<!-- prettier-ignore -->",
    "<!-- do not edit: made by a script -->",
    "<!-- write your answer here -->",
    "<details><summary>Hint</summary>",
    "<summary>Your answer</summary>",
    "```python",
    "![a figure](figure.png)",
    "- [ ] Tests pass",
    "| item | points |",
]


@pytest.mark.parametrize("text", PROSE)
def test_prose_that_is_for_staff_is_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        refuse_prose(split_lines(f"# Handout\n\n{text}\n"), (), Place("handout.md"))
    assert str(caught.value).startswith("handout.md, line 3: ") and ";" in str(caught.value)


@pytest.mark.parametrize("text", HANDOUT)
def test_plausible_sentences_of_a_handout_are_left_alone(text: str) -> None:
    assert said(lambda: refuse_prose(split_lines(f"# Handout\n\n{text}\n"), (), Place("handout.md"))) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("## Solution\n\nBy Jensen.\n", 1),
        ("What is 2 + 2?\n\n**Answer:** 4\n", 3),
        ("*Solution.*\nBy Jensen.\n", 1),
        ("Answer: 4", 1),
        ("### Model answer\nBy Jensen.", 1),
        ("Q2 (a) Answer: 4", 1),
    ],
)
def test_an_answer_of_the_reference_is_marked(text: str, line: int) -> None:
    with pytest.raises(UserError, match=f"line {line}: .* leads in to an answer that is not marked"):
        strip_markdown(text, PLACE, RUBRIC)


@pytest.mark.parametrize(
    "text",
    [
        "## Solution\n\n### BEGIN SOLUTION vae.why\nBy Jensen.\n### END SOLUTION\n",
        "**Answer:**\n### BEGIN SOLUTION vae.why\n**Solution:** by Jensen.\n<!-- TA: 1 point -->\n### END SOLUTION\n",
        "**Answer:** *your answer here*\n",
        "## Answer\n\n______\n\n## Next\n\nText.",
        "The answer: think of Jensen.",
        "```\nAnswer: 4\n```\n",
    ],
)
def test_answers_that_are_marked_or_missing_are_left_alone(text: str) -> None:
    left = strip_markdown(text, PLACE, RUBRIC).text
    assert "Jensen." not in left.replace("think of Jensen.", "")


def test_a_key_that_stays_at_home_may_say_what_it_likes() -> None:
    text = "**Solution:** by Jensen.\n### BEGIN MARK SCHEME\none point\n### END MARK SCHEME\n<!-- TA: half -->\n"
    assert strip_markdown(text, PLACE, RUBRIC, is_key=True).blanks == 0
    with pytest.raises(UserError):
        strip_markdown(text, PLACE, RUBRIC)
