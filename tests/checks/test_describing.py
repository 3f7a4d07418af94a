"""Words for values: deterministic, short, and safe with objects that fight back."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from autograder.checks import describe, describe_type


class Hostile:
    """What a remote is like: every question that is put to it raises."""

    def _refuse(self, *args):
        raise RuntimeError("do not ask")

    __repr__ = __str__ = __bool__ = __len__ = __iter__ = __eq__ = __hash__ = __getattr__ = __format__ = _refuse


@dataclasses.dataclass(frozen=True)
class Pair:
    first: object
    second: object = dataclasses.field(default=1, repr=False)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (True, "True"),
        (3, "3"),
        (1 / 3, "0.333333"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (1 + 2j, "1+2j"),
        ("text", "'text'"),
        ((1,), "(1,)"),
        ([1, None], "[1, None]"),
        ({"a": (1, 2)}, "{'a': (1, 2)}"),
        (torch.float32, "torch.float32"),
        (Pair(2.5), "Pair(first=2.5)"),
        (torch.tensor(0.5), "float32 tensor () 0.5"),
        (torch.tensor([[1, 2], [3, 4]]), "int64 tensor (2, 2) [[1, 2], [3, 4]]"),
        (torch.tensor([True, False]), "bool tensor (2,) [True, False]"),
        (torch.tensor([1.0, math.nan, math.inf]), "float32 tensor (3,) [1, nan, inf]"),
        (torch.zeros(2, 0), "float32 tensor (2, 0)"),
        (np.array([1.5, 2.0]), "NumPy float64 tensor (2,) [1.5, 2]"),
        (np.float32(2.0), "NumPy 2"),
    ],
)
def test_small_values_are_shown_in_full(value, words):
    assert describe(value) == words


def test_objects_that_fight_back_are_named_and_left_alone():
    assert describe(Hostile()) == "<Hostile>"
    assert describe([Hostile(), {"a": Hostile()}]) == "[<Hostile>, {'a': <Hostile>}]"
    assert describe_type(Hostile()) == "a Hostile"


def test_long_values_are_shortened():
    large = describe(torch.arange(1000.0).reshape(10, 100))
    assert large == "float32 tensor (10, 100) [0, 1, 2, 3, ...], smallest 0, mean 499.5, largest 999"
    assert describe(list(range(50))).endswith("... 42 more]")
    assert len(describe("x" * 500)) < 70
    assert describe([[[[[1]]]]]) == "[[[...]]]"
    assert describe(torch.ones(100, dtype=torch.bool)) == "bool tensor (100,) [True, True, True, True, ...]"


def test_words_do_not_depend_on_print_options_nor_on_where_things_lie():
    before = describe(torch.tensor([1 / 3, 1e-9]))
    torch.set_printoptions(precision=1)
    try:
        assert describe(torch.tensor([1 / 3, 1e-9])) == before == "float32 tensor (2,) [0.333333, 1e-09]"
    finally:
        torch.set_printoptions(profile="default")
    assert "0x" not in describe([object(), describe, Hostile])


def test_special_tensors_are_named_by_kind():
    assert describe(torch.eye(3).to_sparse()) == "float32 tensor (3, 3)"
    assert describe(torch.ones(3, device="meta")) == "float32 tensor (3,)"


def test_types_are_named_for_people():
    assert describe_type(torch.zeros(2, dtype=torch.int64)) == "an int64 tensor of shape (2,)"
    assert describe_type(np.zeros(2)) == "a NumPy array of shape (2,)"
    assert describe_type((1, 2)) == "a tuple of 2 values"
    assert describe_type(0.5) == "the float 0.5"
