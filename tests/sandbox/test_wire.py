"""Frames: what an honest peer sends comes through, whatever else comes raises and allocates nothing."""

import contextlib
import json
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.sandbox.shared.wire import (
    PREFIX,
    Closed,
    DeadlinePassed,
    Limits,
    Misbehaved,
    read_frame,
    write_frame,
)


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None, database=None)
@given(header=json_values, parts=st.lists(st.binary(max_size=50), max_size=4))
def test_a_frame_arrives_as_it_was_sent(header, parts):
    left, right = socket.socketpair()
    with left, right:
        write_frame(left, header, [memoryview(part) for part in parts])
        frame = read_frame(right, Limits(), time.monotonic() + 10)
    assert frame.header == header
    assert bytes(frame.payload) == b"".join(parts)


def test_a_frame_larger_than_the_socket_buffer_arrives(ends):
    left, right = ends
    data = bytes(range(256)) * 2**14
    thread = threading.Thread(target=write_frame, args=(left, {}, [memoryview(data)], time.monotonic() + 20))
    thread.start()
    assert bytes(read_frame(right, Limits(), time.monotonic() + 20).payload) == data
    thread.join()


@settings(max_examples=100, deadline=None, database=None)
@given(text=st.binary(max_size=200), claimed=st.integers(0, 2**32 - 1) | st.none())
def test_any_bytes_are_a_frame_or_misbehaviour(text, claimed):
    left, right = socket.socketpair()
    with left, right:
        left.sendall(PREFIX.pack(len(text) if claimed is None else claimed, 0) + text)
        left.shutdown(socket.SHUT_WR)
        with contextlib.suppress(Misbehaved, Closed):
            assert read_frame(right, Limits(), time.monotonic() + 10).header == json.loads(text[:claimed])


@pytest.mark.parametrize(
    "text",
    [b"{", b"\xff", b"NaN", b"-Infinity", b"[" * 100_000, b"1" * 5000, b"", b'"\x01"', "{}\u00e9".encode("latin-1")],
)
def test_a_header_that_is_not_json_is_misbehaviour(ends, text):
    ends[0].sendall(PREFIX.pack(len(text), 0) + text)
    with pytest.raises(Misbehaved, match="not JSON"):
        read_frame(ends[1], Limits())


@pytest.mark.parametrize("sizes", [(2**32 - 1, 0), (10, 2**60), (4 * 2**20 + 1, 0), (2, 512 * 2**20 + 1)])
def test_a_frame_over_the_limits_is_refused_before_it_is_read(ends, sizes):
    ends[0].sendall(PREFIX.pack(*sizes))
    with pytest.raises(Misbehaved, match="over the limit"):
        read_frame(ends[1], Limits(), time.monotonic() + 10)


def test_a_peer_that_is_gone_or_silent_or_deaf_is_noticed(ends):
    left, right = ends
    with pytest.raises(DeadlinePassed):
        read_frame(right, Limits(), time.monotonic() + 0.05)
    left.sendall(PREFIX.pack(100, 0) + b"half of it")
    with pytest.raises(DeadlinePassed):
        read_frame(right, Limits(), time.monotonic() + 0.05)
    with pytest.raises(DeadlinePassed):
        write_frame(right, {}, [memoryview(bytes(2**24))], time.monotonic() + 0.05)
    left.close()
    with pytest.raises(Closed):
        write_frame(right, {}, [memoryview(bytes(2**24))], time.monotonic() + 5)


def test_a_header_is_written_without_numbers_that_json_lacks(ends):
    with pytest.raises(ValueError):
        write_frame(ends[0], {"a": float("nan")}, [])
    write_frame(ends[0], {"a": "\ud800"}, [])
    assert read_frame(ends[1], Limits()).header == json.loads('{"a": "\\ud800"}')
