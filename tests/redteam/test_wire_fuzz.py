"""Random and mutated frames from a hostile worker: never a hang, never more memory than a cap, and never anything
raised but what a submission's fault is: `SubmissionFault` or `WorkerLost`."""

from __future__ import annotations

import contextlib
import copy
import resource
import time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.checks import Callback, Remote, SubmissionFault, describe, fetch, gradients
from autograder.sandbox.shared.wire import PREFIX, Limits
from autograder.sandbox.trusted.faults import WorkerLost
from autograder.sandbox.trusted.session import Session
from tests.pace import MOST, growth
from tests.redteam.hostile_end import attacked, raw

FUZZ = settings(max_examples=200, deadline=None, database=None)
TENSOR = ["T", "float32", [3], 0, [1, True, "cpu", True]]
HONEST: list[dict[str, Any]] = [
    {"k": "value", "v": TENSOR},
    {"k": "value", "v": ["t", 1, 2.5, ["f", "nan"], ["i", "0xff"], None, True, "text"]},
    {"k": "value", "v": ["l", ["l", ["l", "s.py", 3, "ValueError", "no", False]], ["l"]]},
    {"k": "value", "v": ["d", ["a", TENSOR], [3, ["A", "int32", [3], 0]]]},
    {"k": "value", "v": ["o", 5, "Box"], "changed": [[0, ["T", "float32", [3], 0, None]]]},
    {"k": "value", "v": ["k", "dtype", "float32"]},
    {"k": "missing", "name": "f"},
    {"k": "raised", "type": "E", "text": "no", "builtin": "ValueError", "where": [["s.py", 3, "f", "1 / 0"]]},
    {"k": "callback", "number": 0, "args": ["t", ["T", "float32", [3], 0, [0, True]]], "kwargs": ["d"]},
    {"k": "callback", "number": 0, "args": ["t", ["o", 7, "Box"]], "kwargs": ["d", ["y", 1.0]]},
    {"k": "product", "call": 0, "cotangents": ["l", ["T", "float32", [3], 0, None]]},
]
PAYLOAD = bytes(range(12))

scalars = (
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.integers() | st.sampled_from([0, 1, -1, 3, 2**31, 2**63, 2**64, 10**400])
    | st.sampled_from(["T", "A", "o", "k", "t", "l", "d", "f", "i", "R", "L", "float32", "bool", "device", "\ud800"])
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
headers = trees | st.fixed_dictionaries(
    {"k": st.sampled_from(["value", "missing", "raised", "callback", "product", ""])},
    optional=dict.fromkeys(
        ("v", "changed", "name", "type", "text", "builtin", "where", "number", "args", "kwargs", "call"), trees
    ),
)


@st.composite
def mutants(draw: st.DrawFn) -> tuple[Any, bytes]:
    """An honest frame in which a few parts are replaced, and its payload, cut or grown."""
    header = copy.deepcopy(draw(st.sampled_from(HONEST)))
    for _ in range(draw(st.integers(1, 3))):
        _mutate(header, draw)
    return header, draw(st.sampled_from([PAYLOAD, b"", PAYLOAD[:7], PAYLOAD * 3]))


def _mutate(node: Any, draw: st.DrawFn) -> None:
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    if isinstance(node[key], (dict, list)) and draw(st.booleans()):
        _mutate(node[key], draw)
    elif isinstance(node, list) and draw(st.booleans()):
        node.insert(key, draw(scalars))
    else:
        node[key] = draw(trees)


LONGEST = 10_000
"""Characters that a worker may bring into a message."""


def ask_everything(session: Session) -> Any:
    """Use a session as checks do."""
    module = session.module("s")
    x = torch.arange(3.0).requires_grad_()
    value = module.f(x)
    describe(value)
    if isinstance(value, torch.Tensor):
        gradients([value], [x], [torch.ones(3)])
    elif isinstance(value, Remote):
        fetch(value.part)
        value.method(x)
    return fetch(module.g)


def withstand(*sent: bytes, loaded: bool = True) -> str:
    """Let a session meet these frames; return what it says against the submission: nothing else may be raised."""
    with attacked(*sent, stand_ins={"s.h": Callback(lambda x, y=1.0: x * y)}, loaded=loaded) as session:
        session.begin(1)
        try:
            ask_everything(session)
        except (SubmissionFault, WorkerLost) as error:
            return str(error)
    return ""


@FUZZ
@given(header=headers, payload=st.binary(max_size=24))
def test_random_frames(header: Any, payload: bytes) -> None:
    for loaded in (False, True):
        assert len(withstand(raw(header, payload), raw(header, payload), loaded=loaded)) < LONGEST


@FUZZ
@given(frames=st.lists(mutants(), min_size=1, max_size=4), loaded=st.booleans())
def test_mutated_frames(frames: list[tuple[Any, bytes]], loaded: bool) -> None:
    assert len(withstand(*(raw(header, payload) for header, payload in frames), loaded=loaded)) < LONGEST


@FUZZ
@given(sent=st.lists(st.binary(max_size=60), min_size=1, max_size=3))
def test_random_bytes(sent: list[bytes]) -> None:
    assert (
        len(withstand(b"".join(sent), loaded=False)) < LONGEST
    )  # all at once: it then hangs up, in the middle of a frame perhaps


def nested(depth: int) -> Any:
    tree: list[Any] = []
    for _ in range(depth):
        tree = [tree]
    return tree


ODD_HEADERS = {
    "changed is a number": b'{"k":"value","v":["l",["l"],["l"]],"changed":5}',
    "changed is true": b'{"k":"value","v":["l",["l"],["l"]],"changed":true}',
    "changed is a dictionary": b'{"k":"value","v":["l",["l"],["l"]],"changed":{"0":1}}',
    "keys twice": b'{"k":"missing","k":"value","v":1,"v":["T"]}',
    "a type of many digits": b'{"k":"raised","type":' + b"9" * 4300 + b',"text":' + b"9" * 4300 + b"}",
    "where of other types": b'{"k":"raised","type":{},"text":[],"builtin":[],"where":[[{},[],null,{}]]}',
    "builtin is a number": b'{"k":"raised","type":"E","text":"t","builtin":7,"where":[[1,2,3,4]]}',
    "a handle of many digits": b'{"k":"value","v":["o",' + b"9" * 4300 + b',"Box"]}',
    "a device that is no text": b'{"k":"value","v":["k","device","\\ud800"]}',
    "another kind of k": b'{"k":"value","v":["k","layout","strided"]}',
    "a leaf": b'{"k":"value","v":["L",0]}',
    "a reference": b'{"k":"value","v":["R","s",["f"]]}',
    "NaN": b'{"k":"value","v":NaN}',
    "infinity": b'{"k":"value","v":1e999}',
    "a shape of booleans": b'{"k":"value","v":["T","float32",[true,true],0,[1,true,"cpu",true]]}',
    "a shape that overflows": b'{"k":"value","v":["T","float32",[0,1099511627776,1099511627776],0,[1,true,"cpu",true]]'
    b"}",
    "a callback that does not exist": b'{"k":"callback","number":99,"args":["t"],"kwargs":["d"]}',
    "a negative callback": b'{"k":"callback","number":-1,"args":["t"],"kwargs":["d"]}',
    "a product of an unknown call": b'{"k":"product","call":{"a":1},"cotangents":["l"]}',
    "the header is a list": b'["k","value"]',
    "the header is a text": b'"value"',
    "no header": b"",
}


@pytest.mark.parametrize("name", ODD_HEADERS)
@pytest.mark.parametrize("loaded", [False, True])
def test_odd_headers(name: str, loaded: bool) -> None:
    assert len(withstand(*[raw(ODD_HEADERS[name], PAYLOAD)] * 3, loaded=loaded)) < LONGEST


@pytest.mark.parametrize("key", ["type", "text", "builtin", "where", "name", "changed", "v"])
def test_headers_as_deep_as_json_can_be_read(key: str) -> None:
    """What is read at one depth of the stack is printed at another: every depth around the limit is tried."""
    kind = {"v": "value", "changed": "value", "name": "missing"}.get(key, "raised")
    for depth in range(700, 1000, 3):
        tree: Any = nested(depth) if key != "where" else [["s.py", 1, "f", nested(depth)]]
        try:
            frame = raw({"k": kind, "v": None, "text": "", "builtin": "", key: tree})
        except RecursionError:
            return
        assert len(withstand(frame, loaded=False)) < LONGEST


def test_keys_that_collide_cost_no_time() -> None:
    """Multiples of 2**61 - 1 all have the hash 0: a dictionary of them takes a time that grows with their square."""

    def colliding(size: int) -> None:
        withstand(raw({"k": "value", "v": ["d", *([number * (2**61 - 1), 0] for number in range(size))]}))

    assert growth(colliding, 5_000) < MOST


@pytest.mark.thorough
def test_bytes_that_are_referred_to_again_and_again_cost_no_time() -> None:
    """Five thousand tensors of one piece of 1 MB take no longer than of 1 kB."""

    def referred_to(size: int) -> None:
        entry = ["T", "uint8", [size], 0, [1, False, "cpu", True]]
        withstand(raw({"k": "value", "v": ["l", *[entry] * 5_000]}, bytes(size)))

    def changed(size: int) -> None:
        entries = [[0, ["T", "float32", [3], 0, None]]] * size
        withstand(raw({"k": "value", "v": None, "changed": entries}, PAYLOAD))

    assert growth(referred_to, 2**10, factor=2**10) < MOST
    assert growth(changed, 24_000, factor=4) < 10


def test_many_callbacks_end_with_the_deadline() -> None:
    question = raw(HONEST[8], PAYLOAD)
    with attacked(*[question] * 200_000, stand_ins={"s.h": Callback(lambda x: x)}, seconds=1.0) as session:
        begun = time.monotonic()
        with pytest.raises(WorkerLost):
            session.module("s").f()
        assert time.monotonic() - begun < 3.0


def test_a_callback_that_calls_a_remote_again_and_again_ends() -> None:
    """A remote as an argument makes the trusted function ask the worker, which asks for the same again."""
    question = raw(HONEST[9])
    hostile = attacked(*[question] * 5_000, stand_ins={"s.h": Callback(lambda f, y: f(y))}, seconds=3.0)
    with hostile as session, pytest.raises((WorkerLost, SubmissionFault)):
        session.module("s").f()


def peak_growth(*sent: bytes, function: Any = None) -> float:
    """How many bytes the peak of this process grows by while a session meets these frames."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    hostile = attacked(*sent, stand_ins={"s.h": Callback(function or (lambda x: x))}, seconds=20.0)
    with hostile as session, contextlib.suppress(SubmissionFault, WorkerLost):
        describe(session.module("s").f())
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024.0


def test_a_claim_of_more_than_is_sent_costs_at_most_what_a_frame_may_weigh() -> None:
    text = b'{"k":"value","v":null}'
    for claimed in (2**60, Limits().payload + 1, Limits().payload):
        assert peak_growth(PREFIX.pack(len(text), claimed) + text) < 1.25 * Limits().payload


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "bool"])
def test_the_largest_answer_costs_a_bounded_multiple_of_its_size(dtype: str) -> None:
    count = Limits().payload // torch.empty(0, dtype=getattr(torch, dtype)).itemsize
    tree = ["T", dtype, [count], 0, [1, False, "cpu", True]]
    payload = bytes(Limits().payload)
    assert peak_growth(raw({"k": "value", "v": tree}, payload)) < 4 * Limits().payload


def test_a_callback_cannot_be_made_to_allocate_without_bound() -> None:
    """Two thin tensors broadcast to one that no machine holds, or hardly: that is refused, not tried."""
    thin = 40_000
    args = [["T", "float32", [thin, 1], 0, [0, False]], ["T", "float32", [1, thin], 4 * thin, [1, False]]]
    question = {"k": "callback", "number": 0, "args": ["t", *args], "kwargs": ["d"]}
    growth = peak_growth(raw(question, bytes(8 * thin)), raw({"k": "value", "v": None}), function=torch.add)
    assert growth < 2**30
