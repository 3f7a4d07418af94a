"""Frames between the grader and a worker: a length, a small JSON header, raw tensor bytes. Never pickle.

The side that does not trust the other reads with `read_frame` and `Limits`: every length is checked before
anything is allocated, and whatever is wrong raises `Misbehaved`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, Protocol

DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)
"""The flag of a call that fails rather than waits; Windows has none."""
PREFIX = struct.Struct("!IQ")  # length of the header, length of the payload, in bytes


class Misbehaved(Exception):
    """The other side sent something that no honest peer sends."""


class Closed(Exception):
    """The other side is gone."""


class DeadlinePassed(Exception):
    """Nothing came in time."""


class Waiting(Protocol):
    """A wait whose end may be put off while it lasts."""

    def left(self) -> float:
        """Return the seconds until this must be asked again, 0 where the wait is over."""

    def was_late(self, seconds: float) -> None:
        """Note that a wait ended later than it was to."""


Deadline = float | Waiting
"""A moment on the `time.monotonic` clock, or a wait that knows its own end."""


MAX_SCRIPTS = 16 * 2**20
"""Bytes of a submission's compiled code that one worker may leave to the next."""


@dataclass(frozen=True)
class Limits:
    """What a frame may weigh, in bytes."""

    header: int = 4 * 2**20
    payload: int = 128 * 2**20


@dataclass(frozen=True)
class Frame:
    """One message: a JSON value and the raw bytes that it refers to."""

    header: Any
    payload: bytearray | bytes = b""


def write_frame(
    stream: socket.socket, header: Any, buffers: list[memoryview], deadline: Deadline | None = None
) -> None:
    """Send one frame; raise `Closed` where the peer is gone and `DeadlinePassed` where it does not read."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    size = sum(buffer.nbytes for buffer in buffers)
    _send(stream, memoryview(PREFIX.pack(len(text), size) + text), deadline)
    for buffer in buffers:
        _send(stream, buffer, deadline)


def read_frame(stream: socket.socket, limits: Limits, deadline: Deadline | None = None) -> Frame:
    """Receive one frame within the limits and before the deadline (on the `time.monotonic` clock)."""
    header_size, payload_size = PREFIX.unpack(_receive(stream, PREFIX.size, deadline))
    if header_size > limits.header or payload_size > limits.payload:
        raise Misbehaved(f"a frame of {header_size} + {payload_size} bytes is over the limit")
    text = _receive(stream, header_size, deadline)
    try:
        header = json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Misbehaved("a frame's header is not JSON") from None
    return Frame(header, _receive(stream, payload_size, deadline))


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _send(stream: socket.socket, data: memoryview, deadline: Deadline | None) -> None:
    data = data.cast("B")
    while data:
        if not DONT_WAIT:
            _wait(stream, deadline, writing=True)
        try:
            sent = stream.send(data, DONT_WAIT if deadline is not None else 0)
        except BlockingIOError:
            _wait(stream, deadline, writing=True)
            continue
        except OSError:
            raise Closed from None
        data = data[sent:]


def _receive(stream: socket.socket, size: int, deadline: Deadline | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if not DONT_WAIT:
            _wait(stream, deadline, writing=False)
        try:
            count = stream.recv_into(view, 0, DONT_WAIT if deadline is not None else 0)
        except BlockingIOError:
            _wait(stream, deadline, writing=False)
            continue
        except OSError:
            raise Closed from None
        if count == 0:
            raise Closed
        view = view[count:]
        if view:  # a trickle is no answer
            check_deadline(deadline)
    return data


def check_deadline(deadline: Deadline | None) -> None:
    """Raise `DeadlinePassed` where there is no time left."""
    if deadline is not None and _left(deadline) <= 0:
        raise DeadlinePassed


def _left(deadline: Deadline) -> float:
    return deadline - time.monotonic() if isinstance(deadline, float | int) else deadline.left()


def _wait(stream: socket.socket, deadline: Deadline | None, *, writing: bool) -> None:
    """Wait until the stream is ready; raise `DeadlinePassed` where that takes too long."""
    if deadline is None:
        return
    while (left := _left(deadline)) > 0:
        begun = time.monotonic()
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(stream, select.POLLOUT if writing else select.POLLIN)
            ready = bool(poll.poll(left * 1000))
        else:
            ready = any(select.select([] if writing else [stream], [stream] if writing else [], [], left))
        if ready:
            return
        if not isinstance(deadline, float | int):
            deadline.was_late(max(0.0, time.monotonic() - begun - left))
    raise DeadlinePassed
