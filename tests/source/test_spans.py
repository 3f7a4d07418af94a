"""Positions of nodes in texts of any alphabet, and edits by them."""

from __future__ import annotations

import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.source.spans import Positions, replaced
from tests.pace import MOST, growth

LINES = st.sampled_from(
    ["x = 1", "é = 'ä😀'; y = f(é,\n  2)", "@g\ndef f():\n    return '😀' + h", "", "# ü", "\x0cz = 3"]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(LINES, max_size=6).map("\n".join), st.integers(1, 100))
def test_spans_are_what_python_says(text, first):
    tree, shifted = ast.parse(text), ast.increment_lineno(ast.parse(text), first - 1)
    positions = Positions(text, first)
    for node, moved in zip(ast.walk(tree), ast.walk(shifted), strict=True):
        if hasattr(node, "end_lineno"):
            assert positions.of(moved) == ast.get_source_segment(text, node)
            begin, _ = positions.span(moved)
            assert positions.place(begin)[0] == moved.lineno


def test_edits_are_made_side_by_side():
    assert replaced("abcdef", [(0, 1, "x"), (3, 3, "-"), (5, 6, "")]) == "xbc-de"


def test_a_long_line_takes_time_in_proportion_to_its_length():
    def ask(size: int) -> None:
        text = "é; " * size
        positions = Positions(text)
        assert [positions.column(1, 4 * number) for number in range(size)] == [3 * number for number in range(size)]

    assert growth(ask, 5_000) < MOST
