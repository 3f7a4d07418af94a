"""Thresholds: NaN passes none, and numbers pass as they should."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.checks import exceeds, falls_below

NUMBERS = st.floats(-1e6, 1e6)


@given(value=NUMBERS, limit=NUMBERS)
def test_numbers_are_compared_as_numbers(value, limit):
    assert exceeds(value, limit) is (value > limit)
    assert falls_below(value, limit) is (value < limit)


@pytest.mark.parametrize("compare", [exceeds, falls_below])
@pytest.mark.parametrize("value", [math.nan, torch.tensor(math.nan), torch.tensor([0.0, math.nan, 0.0])])
def test_nan_passes_no_threshold(compare, value):
    assert compare(value, 0.0)
    assert compare(0.0, value)


def test_one_entry_is_enough():
    assert exceeds(torch.tensor([0.0, 2.0]), 1.0)
    assert falls_below(torch.tensor([0.0, 2.0]), 1.0)
    assert not exceeds(torch.tensor([0.0, 1.0]), 1.0)
    assert not falls_below(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))
