from __future__ import annotations

import pytest

from autograder.errors import UserError
from autograder.release.answers import strip_markdown
from autograder.source.lines import Place
from tests.release.course import RUBRIC

PLACE = Place("solutions/tiny/report.md")


def test_an_answer_becomes_a_request_and_its_question_stays() -> None:
    text = (
        "# Report\r\n\r\nWhy?\r\n## BEGIN SOLUTION vae.why\r\nBecause.\r\n\r\n```python\r\nx = 1\r\n```\r\n"
        "### PROMPT: Two sentences.\r\n## END SOLUTION\r\nThe end.\r\n## Solution\r\n"
    )
    result = strip_markdown(text, PLACE, RUBRIC)
    assert result.text == (
        "# Report\r\n\r\nWhy?\r\nTwo sentences.\r\n*Your answer here (4 points)*\r\nThe end.\r\n## Solution\r\n"
    )
    assert result.blanks == 1
    assert (result.removed[0].origin, "Because." in result.removed[0].text) == (f"{PLACE.file}, line 4", True)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("### BEGIN SOLUTION\nx\n### END SOLUTION\n", 1, "which item is this? In Markdown write"),
        ("### BEGIN SOLUTION vae.who\nx\n### END SOLUTION\n", 1, 'did you mean "vae.why"?'),
        ("a\n### BEGIN SOLUTION vae.why\nx\n", 2, "without an END SOLUTION"),
        ("x\n### END SOLUTION\n", 2, "without a BEGIN SOLUTION"),
        ("### BEGIN SOLUTION vae.why\n### BEGIN SOLUTION vae.more\n", 2, "regions do not nest"),
        ("### begin solution vae.why\n", 1, "looks like a marker but is none"),
        ("```\n### BEGIN SOLUTION vae.why\nx\n### END SOLUTION\n```\n", 2, "inside a code fence"),
        ("### BEGIN SOLUTION vae.why\n~~~~py\n~~~\n### END SOLUTION\n", 4, "inside a code fence"),
    ],
)
def test_bad_marks_are_named_with_file_and_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        strip_markdown(text, PLACE, RUBRIC)
    assert str(caught.value).startswith(f"{PLACE.file}, line {line}: ")
    assert reason in str(caught.value)


def test_inline_code_of_three_backticks_opens_no_fence() -> None:
    text = "``` a ``` b\n### BEGIN SOLUTION vae.why\nx\n### END SOLUTION\n"
    assert strip_markdown(text, PLACE, RUBRIC).text == "``` a ``` b\n*Your answer here (4 points)*\n"
