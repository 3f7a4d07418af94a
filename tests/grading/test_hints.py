"""Hints: shown where exactly one known mistake explains what came back, and silent everywhere else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.grading.hints import distance
from autograder.sandbox.trusted.example import MAX_REMEMBERED_BYTES, Example, Raised
from tests.tiny import ONE, TWO, Tiny

pytestmark = pytest.mark.usefixtures("warm")

ENTRY = """
[[mutants]]
id = "{id}"
item = "one.double"
misconception = "Something else was meant."
hint = "{hint}"
old = "return x * 2"
new = "{new}"
"""
RAISED = ("raise NotImplementedError", "raise ValueError('this is not implemented yet')")
TRIPLE, SQUARE = "How often is x in the sum?", "Is doubling a product of x with itself?"
CATALOGUE = ENTRY.format(id="double-triple", hint=TRIPLE, new="return x * 3")
CATALOGUE += ENTRY.format(id="double-square", hint=SQUARE, new="return x * x")


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.write("assignments/tiny/mutants.toml", CATALOGUE)
    return made


def told(tiny: Tiny, body: str, *options: str) -> tuple[str, str | None]:
    """What a student who wrote this body for ``double`` reads, and which misconception staff read."""
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", body)), *options)
    data = next(test["extra_data"] for test in run.auto if test["extra_data"]["item"] == "one.double")
    return run.output("one.double"), data.get("misconception")


@pytest.mark.parametrize("body", ["return x * 3", "return x + x + x", "return (x.double() * 3).float()"])
def test_a_known_mistake_gets_its_hint_however_it_is_written(tiny, body):
    output, misconception = told(tiny, body)
    assert output.count(TRIPLE) == 1 and SQUARE not in output
    assert misconception == "double-triple"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "body", ["return x * 5", "return None", "raise NotImplementedError", "return x * 2 + 1e-3", "while True: pass"]
)
def test_another_mistake_gets_no_hint(tiny, body):
    output, misconception = told(tiny, body)
    assert TRIPLE not in output and SQUARE not in output
    assert misconception is None


@pytest.mark.parametrize(
    ("body", "is_told"),
    [("raise NotImplementedError", False), ("raise ValueError('this is not implemented yet')", True)],
)
def test_what_is_not_written_is_no_mistake_but_words_like_that_may_be(tiny, body, is_told):
    entries = (ENTRY.format(id=f"double-raises-{n}", hint=f"Hint {n}.", new=new) for n, new in enumerate(RAISED))
    tiny.write("assignments/tiny/mutants.toml", CATALOGUE + "".join(entries))
    output, misconception = told(tiny, body)
    assert ("Hint 1." in output) is is_told and "Hint 0." not in output
    assert misconception == ("double-raises-1" if is_told else None)


def test_two_mistakes_that_look_alike_get_no_hint(tiny):
    tiny.write(
        "assignments/tiny/mutants.toml",
        CATALOGUE + ENTRY.format(id="double-thrice", hint="Another hint.", new="return 3 * x"),
    )
    output, misconception = told(tiny, "return x * 3")
    assert TRIPLE not in output and "Another hint." not in output and misconception is None


def test_a_mistake_must_explain_every_failed_check(tiny):
    """The public check asks for 3 numbers, the hidden one for 5."""
    output, misconception = told(tiny, "return x * 3 if len(x) == 3 else x * x")
    assert TRIPLE not in output and SQUARE not in output and misconception is None


def test_a_mistake_that_what_passed_rules_out_gives_no_hint(tiny):
    """Five numbers come out as the mistake would have it, three do not: somebody thought of something else."""
    tiny.write("assignments/tiny/mutants.toml", ENTRY.format(id="double-triple", hint=TRIPLE, new="return x * 3"))
    assert told(tiny, "return x * 2 if len(x) == 3 else x * 3")[1] is None


@pytest.mark.thorough
def test_what_passed_tells_two_mistakes_apart(tiny):
    only_long = ENTRY.format(id="double-long", hint="Another hint.", new="return x * 2 if len(x) == 3 else x * 3")
    tiny.write("assignments/tiny/mutants.toml", CATALOGUE + only_long)
    assert told(tiny, "return x * 2 if len(x) == 3 else x * 3")[1] == "double-long"
    assert told(tiny, "return x * 3")[1] == "double-triple"


NOISY = ONE.replace("x):\n    return x * 2", "x, noise=0.0):\n    return x * 2 + noise * torch.randn_like(x)")
LOUD = "return x * 3 + 2 * noise * torch.randn_like(x)"
NOISES = '''
from autograder.checks import assert_close, assert_standard_normal, item
import torch

@item("one.double")
def test_without_noise(one):
    """Twice its input."""
    assert_close(one.double(torch.arange(3.0)), 2 * torch.arange(3.0))

@item("one.double")
def test_with_noise(one):
    """Noise is standard normal."""
    noise = one.double(torch.zeros(20000) + 1, 1.0).double() - 2
    assert_standard_normal(noise, name="the noise", mean_effect=0.3, std_effect=1.3)
'''


def test_the_same_draws_tell_mistakes_apart_that_agree_without_chance(tiny):
    right = "return x * 2 + noise * torch.randn_like(x)"
    entries = ENTRY.format(id="triple", hint=TRIPLE, new=right.replace("x * 2", "x * 3"))
    entries += ENTRY.format(id="triple-loud", hint=SQUARE, new=LOUD)
    tiny.write("assignments/tiny/mutants.toml", entries.replace("return x * 2", right))
    tiny.write("assignments/tiny/checks/public/test_noise.py", NOISES)
    tiny.write("solutions/tiny/one.py", NOISY)
    wrong = NOISY.replace(right, "loud = 2 * torch.randn_like(x)\n    return loud * noise + x * 3")
    output = tiny.grade(tiny.hand_in(one=wrong)).output("one.double")
    assert SQUARE in output and TRIPLE not in output


CHOSEN = ONE.replace("def double(x):", "FACTOR = 2\n\ndef double(x):").replace("x * 2", "x * FACTOR")
CHOICE = '''
from autograder.checks import assert_close, fetch, item
import torch

@item("one.double")
def test_scaled(one):
    """FACTOR times its input."""
    assert_close(one.double(torch.arange(1, 4.0)), fetch(one.FACTOR) * torch.arange(1, 4.0))
'''


def test_a_known_mistake_is_tried_with_the_numbers_that_a_submission_chose(tiny):
    entry = ENTRY.format(id="added", hint=TRIPLE, new="return x + FACTOR").replace("return x * 2", "return x * FACTOR")
    tiny.write("assignments/tiny/mutants.toml", entry)
    tiny.write("assignments/tiny/checks/public/test_choice.py", CHOICE)
    tiny.write("solutions/tiny/one.py", CHOSEN)
    wrong = CHOSEN.replace("FACTOR = 2", "FACTOR = 5").replace("x * FACTOR", "FACTOR + x")
    assert TRIPLE in tiny.grade(tiny.hand_in(one=wrong)).output("one.double")


@pytest.mark.slow
def test_an_item_whose_hint_takes_too_long_leaves_the_others_theirs(tiny):
    endless = ENTRY.format(id="endless", hint=SQUARE, new="while True: pass")
    other = ENTRY.format(id="shifted", hint=TRIPLE, new="return x - ONE").replace("return x * 2", "return x + ONE")
    tiny.write("assignments/tiny/mutants.toml", endless + other.replace("one.double", "two.shift"))
    wrong = {"one": ONE.replace("x * 2", "x * 3"), "two": TWO.replace("x + ONE", "-ONE + x")}
    run = tiny.grade(tiny.hand_in(**wrong))
    assert TRIPLE in run.output("two.shift") and SQUARE not in run.output("one.double")


def test_a_hidden_check_alone_gives_its_hint_too(tiny):
    only_long = ENTRY.format(id="double-long", hint="Another hint.", new="return x * 2 if len(x) == 3 else x * 3")
    tiny.write("assignments/tiny/mutants.toml", only_long)
    output, _ = told(tiny, "return x * 2 if len(x) == 3 else x * 3")
    assert "Another hint." in output


def test_hints_leave_no_trace_of_the_reference(tiny):
    listing = "import os; raise ValueError(str([os.listdir(d) for d in ('..', '../..') if os.access(d, os.R_OK)]))"
    output, _ = told(tiny, listing)
    assert "double-triple" not in output


ONES = torch.ones(2, 2)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        (ONES, ONES, 0, 0),
        (ONES, ONES.double() * (1 + 1e-6), 1e-7, 1e-5),
        (ONES, ONES * 1.1, 0.05, 0.2),
        (ONES, torch.ones(4), math.inf, math.inf),
        (ONES, ONES.long(), math.inf, math.inf),
        (torch.tensor([1.0, 1e-3]), torch.tensor([1.0, 2e-3]), 0.05, 1),
        (torch.tensor([1.0, 1e-9]), torch.tensor([1.0, 2e-9]), 0, 1e-6),
        (torch.tensor([math.nan]), torch.tensor([math.nan]), 0, 0),
        (torch.tensor([math.inf]), torch.tensor([math.nan]), math.inf, math.inf),
        (torch.tensor([math.inf]), torch.tensor([1.0]), math.inf, math.inf),
        (torch.zeros(0, 3), torch.zeros(0, 3), 0, 0),
        (np.ones((2, 2)), np.ones((2, 2)), 0, 0),
        (np.ones((2, 2)), np.ones((2, 2)) * 1.1, 0.05, 0.2),
        (np.ones((2, 2)), ONES, math.inf, math.inf),
        ((1.0, ONES), (1.0, ONES), 0, 0),
        ((1.0, ONES), [1.0, ONES], math.inf, math.inf),
        ([1.0], [1.0, 2.0], math.inf, math.inf),
        ({"a": 1}, {"a": 2}, math.inf, math.inf),
        (1, True, math.inf, math.inf),
        (None, None, 0, 0),
        (None, ONES * 0, 0, 0),  # a gradient that never arrives, and one of 0
        (None, ONES, math.inf, math.inf),
        ({"title": "a", "images": [ONES]}, {"title": "b", "images": [ONES]}, 0, 0),
        ({"title": "a", "images": [ONES]}, {"title": "a", "images": [ONES * 1.1]}, 0.05, 0.2),
        (Raised("f() raised KeyError"), Raised("f() raised KeyError"), 0, 0),
        (Raised("f() raised KeyError"), Raised("f() raised ValueError"), math.inf, math.inf),
    ],
)
def test_the_distance_of_two_replies(one, other, least, most):
    assert least <= distance(one, other) <= most
    assert least <= distance(other, one) <= most


def test_replies_that_are_too_large_are_not_kept():
    example = Example()
    example.remember(torch.zeros(MAX_REMEMBERED_BYTES // 8))
    assert example.replies is not None and len(example.replies) == 1
    example.remember([torch.zeros(MAX_REMEMBERED_BYTES // 8)])
    assert example.replies is None
    other = Example()
    other.remember(np.zeros(MAX_REMEMBERED_BYTES // 8 + 1))
    assert other.replies is None
    example.remember(1)
    assert example.replies is None
