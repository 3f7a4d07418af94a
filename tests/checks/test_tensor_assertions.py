"""What kind of value came back, and the message for each way in which it is the wrong kind."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autograder.checks import CheckFailed, assert_integers, assert_shape, assert_tensor, assert_unchanged
from tests.checks.test_describing import Hostile


def failure(function, *args, **kwargs):
    with pytest.raises(CheckFailed) as caught:
        function(*args, **kwargs)
    return caught.value


def test_a_good_tensor_comes_back_itself():
    value = torch.ones(2, 3, requires_grad=True)
    assert assert_tensor(value, shape=(2, 3)) is value
    assert assert_tensor(torch.tensor(1.0, dtype=torch.float64), shape=()).item() == 1
    assert_tensor(torch.nn.Parameter(torch.ones(3)), shape=[3])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "kl() is None, not a tensor: is a `return` missing?"),
        (0.5, "kl() is the float 0.5, not a tensor: a number taken out of a tensor (`.item()`) has lost its gradient"),
        (True, "kl() is the bool True, not a tensor"),
        ((1, 2), "kl() is a tuple of 2 values, not a tensor: one value was expected"),
        (np.ones(3), "kl() is a NumPy array of shape (3,), not a tensor"),
        ("text", "kl() is a str, not a tensor"),
    ],
)
def test_what_is_no_tensor_is_named_without_being_touched(value, words):
    error = failure(assert_tensor, value, shape=(8,), name="kl()")
    assert error.summary == words
    assert error.expected == "a float32 or float64 tensor of shape (8,)"


def test_an_object_that_fights_back_is_named_and_left_alone():
    assert failure(assert_tensor, Hostile(), name="kl()").summary == "kl() is a Hostile, not a tensor"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.eye(3).to_sparse(), "special kind of tensor"),
        (torch.ones(3, 3, device="meta"), "on the device 'meta'"),
        (torch.ones(3, 3, dtype=torch.float16), "has dtype float16 where float32 or float64 is due"),
        (torch.ones(3, 3, dtype=torch.int64), "has dtype int64"),
        (torch.ones(3, 3, dtype=torch.complex64), "has dtype complex64"),
        (torch.full((3, 2), math.nan), "has shape (3, 2)"),
        (torch.full((3, 3), math.nan), "not finite: 9 of 9 entries"),
    ],
)
def test_the_first_thing_that_is_wrong_is_the_message(value, words):
    assert words in failure(assert_tensor, value, shape=(3, 3)).summary


def test_a_tensor_from_a_worker_is_judged_by_what_it_was_there():
    value = torch.ones(3)
    value.remote = SimpleNamespace(device="cuda:0", plain=True)
    assert "on the device 'cuda:0'" in failure(assert_tensor, value).summary
    value.remote = SimpleNamespace(device="cpu", plain=False)
    assert "special kind" in failure(assert_tensor, value).summary


def test_the_first_entry_that_is_not_finite_is_shown():
    value = torch.ones(2, 3)
    value[1, 2] = -math.inf
    error = failure(assert_tensor, value, name="nll")
    assert error.summary == "nll is not finite: 1 of 6 entries are NaN or infinite"
    assert error.worst == "at index (1, 2): -inf"


@pytest.mark.parametrize(
    ("actual", "expected", "slip"),
    [
        ((), (8,), "looks summed or averaged over the batch, but a number was expected for each of the 8 rows"),
        ((), (8, 3), "summed or averaged over every dimension"),
        ((), (1,), "the one row of the batch was squeezed away"),
        ((16,), (8, 16), "looks summed or averaged over the batch, or like one of its rows, but 8 rows"),
        ((8,), (8, 16), "dimension 1 (of size 16) is missing"),
        ((8, 16), (8,), "its last dimension is not summed over"),
        ((8, 1), (8,), "a dimension of size 1 too many"),
        ((8, 8), (8,), "its last dimension is not summed over"),
        ((8,), (), "a single number was expected, and it has one entry for each row"),
        ((3, 8), (8, 3), "its dimensions are in another order"),
        ((1, 3), (8, 3), "one row instead of 8"),
        ((8,), (8, 8), ""),
        ((5,), (8,), ""),
        ((1,), (8,), "one row instead of 8"),
    ],
)
def test_the_likely_slip_is_named_where_there_is_only_one(actual, expected, slip):
    error = failure(assert_shape, torch.zeros(actual), expected, name="kl()")
    assert error.summary.startswith(f"kl() has shape {actual} where {expected} is due")
    assert slip in error.summary and (slip or error.summary.endswith("is due"))


def test_whole_numbers_are_asked_for_by_name():
    assert_integers(torch.tensor([1, 2]), shape=(2,))
    assert "has dtype int32" in failure(assert_integers, torch.tensor([1, 2], dtype=torch.int32)).summary
    assert "has dtype float32 where int64 is due" in failure(assert_integers, torch.ones(2)).summary


def test_a_change_in_place_is_shown():
    before = torch.tensor([[1.0, math.nan], [3.0, 4.0]])
    assert_unchanged(before, before.clone(), "logvar")
    after = before.clone()
    after[1, 0] = 20.0
    error = failure(assert_unchanged, before, after, "logvar")
    assert "the argument logvar was changed in place" in error.summary
    assert error.worst == "at index (1, 0): was 3, is now 20"
    assert "its shape is now (4,)" in failure(assert_unchanged, before, before.flatten(), "x").summary
