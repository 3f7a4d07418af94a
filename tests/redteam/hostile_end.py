"""The other end of a session's socket in hostile hands: it answers the start, then sends whatever it likes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from autograder.checks import StandIns
from autograder.sandbox.shared.wire import PREFIX, Frame, Limits, read_frame, write_frame
from autograder.sandbox.trusted.callbacks import is_question
from autograder.sandbox.trusted.channel import Deadlines, Serve
from autograder.sandbox.trusted.session import Session

LOADER = {"folder": "/nowhere", "extra": [], "skip": [], "statement_seconds": 1.0, "devices_on_cpu": False}
LOADED = {"k": "value", "v": ["l", ["l"], ["l"]]}


class HostileChannel:
    """What the grader's end of a worker does with frames, without a worker: the peer sends what it was given.

    ``sent`` are raw frames, each after one frame of ours (a request or the answer to a question); then it hangs up.
    """

    meter = None

    def __init__(self, sent: Iterable[bytes]) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._attack, args=(list(sent),), daemon=True)
        self._thread.start()

    def _attack(self, sent: list[bytes]) -> None:
        with self._theirs:
            try:
                for data in [raw({"k": "value", "v": None}), *sent]:
                    read_frame(self._theirs, Limits())
                    self._theirs.sendall(data)
            except Exception:
                return

    def exchange(self, header: Any, buffers: list[memoryview], deadline: Any, serve: Serve) -> Frame:
        write_frame(self._ours, header, buffers, deadline)
        while is_question(frame := read_frame(self._ours, Limits(), deadline)):
            write_frame(self._ours, *serve(frame), deadline)
        return frame

    def close(self) -> None:
        self._ours.close()
        self._thread.join(10)

    def explain_end(self) -> str:
        return ""


def raw(header: Any, payload: bytes = b"") -> bytes:
    """A frame as bytes; a header that is bytes already is sent as it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return PREFIX.pack(len(text), len(payload)) + text + payload


@contextmanager
def attacked(
    *sent: bytes, stand_ins: StandIns | None = None, loaded: bool = True, seconds: float = 5.0
) -> Iterator[Session]:
    """A session whose worker sends these frames, after it said that it loaded the module where ``loaded``."""
    channel = HostileChannel([raw(LOADED), *sent] if loaded else sent)
    session = Session(channel, loader=LOADER, stand_ins=stand_ins, deadlines=Deadlines(seconds, None))
    try:
        yield session
    finally:
        channel.close()
