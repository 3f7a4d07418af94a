"""The codec: every value of the vocabulary survives the trip; every other tree is misbehaviour."""

import contextlib
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.sandbox.shared.values import ARRAY_DTYPES, DTYPES, MAX_DEPTH, Decoder, Encoder
from autograder.sandbox.shared.wire import Misbehaved


def trip(value):
    encoder = Encoder()
    tree = json.loads(json.dumps(encoder.encode(value), allow_nan=False))
    return Decoder(bytearray(b"".join(encoder.buffers))).decode(tree)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(bits(a), bits(b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return type(a) is type(b) and a == b


def bits(tensor):
    fresh = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor)
    return fresh.unsqueeze(-1).view(torch.uint8)


@st.composite
def any_tensors(draw):
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    dtype = draw(st.sampled_from(list(DTYPES.values())))
    raw = torch.randint(0, 256, (math.prod(shape) * dtype.itemsize,), dtype=torch.uint8)
    value = raw.ne(128).reshape(shape) if dtype is torch.bool else raw.view(dtype).reshape(shape)
    return value.transpose(0, -1) if shape and draw(st.booleans()) else value


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.sampled_from([*DTYPES.values(), torch.device("cpu"), torch.device("cuda:1")])
)
keys = st.text() | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none()
leaves = scalars | any_tensors()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None, database=None)
@given(value=values)
def test_a_value_survives_the_trip(value):
    assert same(value, trip(value))


@pytest.mark.parametrize("name", sorted(ARRAY_DTYPES))
def test_arrays_survive_the_trip(name):
    for shape in ((), (0,), (2, 0), (2, 3)):
        array = np.ones(shape, dtype=name)
        assert same(array, trip(array))
    assert same(np.arange(6).reshape(2, 3).T.copy(), trip(np.arange(6).reshape(2, 3).T))


def test_a_number_of_numpy_arrives_as_an_array():
    assert same(trip(np.float32(1.5)), np.array(1.5, dtype=np.float32))


def test_views_and_gradients_travel_as_plain_values():
    base = torch.arange(12.0).reshape(3, 4)
    assert torch.equal(trip(base[:, ::2]), base[:, ::2])
    assert torch.equal(trip(base[:1, 1]), base[:1, 1])  # one entry, stride 4: a column of a batch of one
    assert torch.equal(trip(base.expand(2, 3, 4)), base.expand(2, 3, 4))
    assert torch.equal(trip(torch.ones(2, dtype=torch.complex64).conj()), torch.ones(2, dtype=torch.complex64))
    assert not trip(torch.ones(2, requires_grad=True)).requires_grad


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", torch.eye(2).to_sparse(), np.array(["a"]), print])
def test_what_has_no_plain_form_is_refused(value):
    with pytest.raises(TypeError, match="has no plain form"):
        Encoder().encode(value)


def test_nesting_without_end_is_refused_on_both_sides():
    value: list = []
    value.append(value)
    with pytest.raises(TypeError, match="nested deeper"):
        Encoder().encode(value)
    tree: list = ["l"]
    for _ in range(MAX_DEPTH + 1):
        tree = ["l", tree]
    with pytest.raises(Misbehaved, match="too deep"):
        Decoder(b"").decode(tree)
    with pytest.raises(Misbehaved, match="too many parts"):
        Decoder(b"").decode(["l", *[None] * 200_000])


@pytest.mark.parametrize(
    "tree",
    [
        [],
        {},
        [1],
        ["?"],
        [["T"]],
        ["T"],
        ["T", "float32", [1], 0],
        ["T", "float99", [1], 0, None],
        ["T", ["float32"], [1], 0, None],
        ["T", "float32", [3], 0, None],
        ["T", "float32", [1], 5, None],
        ["T", "float32", [1], -4, None],
        ["T", "float32", [1], True, None],
        ["T", "float32", [True], 0, None],
        ["T", "float32", [-1], 0, None],
        ["T", "float32", [1.0], 0, None],
        ["T", "float32", ["1"], 0, None],
        ["T", "float32", 1, 0, None],
        ["T", "float32", [1] * 13, 0, None],
        ["T", "float32", [2**60], 0, None],
        ["T", "float32", [2**40, 2**40], 0, None],
        ["T", "float32", [2**40, 2**40, 0], 0, None],
        ["A", "object", [1], 0],
        ["A", "float32", [3], 0],
        ["A", "float32", [2**40, 2**40, 0], 0],
        ["A", ["float32"], [1], 0],
        ["f", "1.0"],
        ["f", ["nan"]],
        ["i", "zz"],
        ["i", 5],
        ["k", "dtype", "float99"],
        ["k", "device", "nowhere"],
        ["k", "device", "c" * 50],
        ["k", "module", "os"],
        ["k", [], "cpu"],
        ["d", 1],
        ["d", ["a"]],
        ["d", [["t", 1], 2]],
        ["d", [["T", "uint8", [1], 0, None], 2]],
        ["o", 1, "a"],
        ["R", "os", ["system"]],
        ["L", 0],
    ],
)
def test_a_tree_out_of_order_is_misbehaviour(tree):
    with pytest.raises(Misbehaved):
        Decoder(bytes(8)).decode(tree)


trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats()
    | st.sampled_from(
        ["t", "l", "d", "f", "T", "i", "A", "k", "o", "R", "L", "nan", "dtype", "device", "float32", "7f"]
    ),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=25,
)


def is_plain(value):
    """Whether a value is made of the types that the wire knows, and of no class derived from them."""
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(is_plain(part) for pair in value.items() for part in pair)
    kinds = (bool, int, float, str, torch.Tensor, np.ndarray, torch.dtype, torch.device, torch.Size, torch.layout)
    return value is None or type(value) in kinds


@settings(max_examples=400, deadline=None, database=None)
@given(tree=trees)
def test_any_tree_is_a_value_or_misbehaviour(tree):
    with contextlib.suppress(Misbehaved):
        assert is_plain(Decoder(bytes(8)).decode(tree))


def test_bytes_cannot_be_used_twice():
    """A small frame must not decode to many gigabytes."""
    part = ["T", "uint8", [2**20], 0, None]
    decoder = Decoder(bytearray(2**20))
    with pytest.raises(Misbehaved, match="more bytes than the frame holds"):
        decoder.decode(["l", *[part] * 2])
    array = ["A", "uint8", [2**20], 0]
    with pytest.raises(Misbehaved, match="more bytes than the frame holds"):
        Decoder(bytearray(2**20)).decode(["l", array, array])


def test_a_truth_value_is_one_whatever_its_byte():
    value = Decoder(bytearray([0, 1, 2, 255])).decode(["T", "bool", [4], 0, None])
    assert torch.equal(value.view(torch.uint8), torch.tensor([0, 1, 1, 1], dtype=torch.uint8))


def test_a_decoded_tensor_is_its_own():
    payload = bytearray(8)
    value = Decoder(payload).decode(["T", "float32", [2], 0, None])
    value += 1
    assert payload == bytes(8)


def test_no_integer_arrives_that_cannot_be_printed():
    assert len(str(trip(-(10**4000)))) == 4002
    with pytest.raises(TypeError, match="an integer of"):
        Encoder().encode(10**5000)
    with pytest.raises(Misbehaved, match="not an integer"):
        Decoder(b"").decode(["i", "f" * 4000])
