"""Time on a busy machine: right code is never failed for it, and no code moves a bound or chooses to be BLOCKED.

The load is other processes that compute on the one processor that this test may use, or a quota for all that takes
part. Nothing here depends on how fast the machine is: work is given in processor seconds, and what it took is compared
with its limit.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.sandbox.out_of_process import start_zygote
from autograder.sandbox.shared.processor_time import TIMEOUT_FACTOR, usage
from autograder.sandbox.trusted.channel import Deadlines
from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.sandbox.trusted.clock import Meter, Span
from autograder.sandbox.trusted.faults import NotEnoughTime, WorkerLost
from autograder.sandbox.trusted.session import Session
from autograder.sandbox.trusted.zygote import Zygote
from tests.redteam.load import busy, quota

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures in /proc")

SOURCE = """
import os, threading, time

def work(seconds):
    ends = time.thread_time() + seconds
    while time.thread_time() < ends: pass
    return True
def work_in_threads(seconds, number=4):
    threads = [threading.Thread(target=work, args=(seconds / number,)) for _ in range(number)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return True
def rest(): time.sleep(600)
def work_and_rest():
    work(0.1)
    rest()
def rest_beside_work():
    threading.Thread(target=work, args=(0.1,)).start()
    rest()
def spin():
    while True: pass
def spin_in_threads(number=30):
    for _ in range(number): threading.Thread(target=spin, daemon=True).start()
    time.sleep(600)
def spin_and_wait(number=8):
    for _ in range(number): threading.Thread(target=spin, daemon=True).start()
    lock = threading.Lock(); lock.acquire(); lock.acquire()
def nap():
    while True: time.sleep(0.001)
def seek_a_busy_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    spin()
def ask_for_ever(lent):
    while True: lent()
"""
LIMIT = 1.0
OTHERS = 2


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    (folder / "s.py").write_text(SOURCE, encoding="utf-8")
    (folder / "s.py").chmod(0o644)
    with start_zygote(folder, readable=["s.py"], memory=2**30, cpu_seconds=60) as zygote:
        zygote.home = folder  # type: ignore[attr-defined]
        yield zygote
    remove_tree(folder)


@contextmanager
def session_of(zygote: Zygote, *, call: float | None = None, check: float | None = None) -> Iterator[Session]:
    # the spare worker was forked where the processor was another
    zygote.fork_worker().close()
    loader = {"folder": str(zygote.home), "extra": [], "skip": []}  # type: ignore[attr-defined]
    loader |= {"statement_seconds": None, "devices_on_cpu": False}
    channel = zygote.fork_worker()
    os.sched_setaffinity(channel._identity[0], os.sched_getaffinity(0))
    span = None if check is None else Span(check, None, [], Meter(os.getpid()))
    session = Session(channel, loader=loader, deadlines=Deadlines(call, span))
    try:
        session.begin(1)
        session.load("s")
        yield session
    finally:
        session.close()


@pytest.mark.thorough
@pytest.mark.parametrize("limits", [{"call": 3 * LIMIT}, {"check": 3 * LIMIT}], ids=str)
def test_right_code_is_not_failed_for_what_runs_beside_it(zygote: Zygote, limits: dict[str, float]) -> None:
    """Its work takes longer than its limit on the wall: a wall clock would have ended it."""
    with busy(6), session_of(zygote, **limits) as session:
        begun = time.monotonic()
        try:
            assert session.module("s").work(LIMIT) is True
            assert time.monotonic() - begun > 3 * LIMIT
        except NotEnoughTime:
            assert time.monotonic() - begun > TIMEOUT_FACTOR * 3 * LIMIT


@contextmanager
def held_to(share: float, zygote: Zygote) -> Iterator[None]:
    """This process, the zygote and all workers together have that share of one processor."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(quota(share, [os.getpid(), zygote.pid()]))
        except OSError as error:
            pytest.skip(f"this machine lets nobody make control groups: {error}")
        yield


QUOTAS = [(1 / 8, function, kind) for function in ("work", "work_in_threads") for kind in ("call", "check")]


@pytest.mark.thorough
@pytest.mark.parametrize(("share", "function", "kind"), [*QUOTAS, (1 / 32, "work_in_threads", "call")])
def test_right_code_is_not_failed_for_a_quota(zygote: Zygote, share: float, function: str, kind: str) -> None:
    """What waits for the next period of a quota is kept waiting by nobody beside it, and is not to blame either."""
    begun = time.monotonic()
    with held_to(share, zygote), session_of(zygote, **{kind: 2 * LIMIT}) as session:
        try:
            assert getattr(session.module("s"), function)(LIMIT / 2) is True
            assert time.monotonic() - begun > 2 * LIMIT
        except NotEnoughTime:
            assert time.monotonic() - begun > TIMEOUT_FACTOR * 2 * LIMIT


@pytest.mark.thorough
@pytest.mark.parametrize("function", ["rest", "nap", "work_and_rest", "rest_beside_work"])
@pytest.mark.parametrize("share", [1 / 4, 1 / 8])
def test_code_that_sleeps_is_failed_under_a_quota_too(zygote: Zygote, share: float, function: str) -> None:
    with held_to(share, zygote), session_of(zygote, check=LIMIT) as session:
        with pytest.raises(WorkerLost) as caught:
            getattr(session.module("s"), function)()
        assert caught.value.limit.startswith("stopped: ") and f"{LIMIT:g} s" in caught.value.limit


CROWDS_OF_ITS_OWN = {
    "spinning": """
import hashlib, threading
def spin():
    while True: hashlib.sha256(bytes(2**22)).digest()
for _ in range(8): threading.Thread(target=spin, daemon=True).start()
threading.Event().wait()
""",
    "coming and going": """
import hashlib, threading, time
def work(number):
    for _ in range(number): hashlib.sha256(bytes(2**22)).digest()
    time.sleep(0.01 * number)
    hashlib.sha256(bytes(2**22)).digest()
while True:
    crowd = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in crowd: thread.start()
    for thread in crowd: thread.join()
""",
}


@pytest.mark.parametrize("crowd", CROWDS_OF_ITS_OWN)
def test_no_process_keeps_itself_waiting(crowd: str) -> None:
    """Threads on one processor wait for each other: only while none of them runs, others keep them waiting."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    one = subprocess.Popen([sys.executable, "-c", CROWDS_OF_ITS_OWN[crowd]], start_new_session=True)
    os.sched_setaffinity(0, before)
    try:
        begun, meter = time.monotonic(), Meter(one.pid)
        while (used := meter.read()).ran < 2 * LIMIT:
            time.sleep(0.05)
        passed = time.monotonic() - begun
        assert 0 <= used.waited < passed - used.ran + 0.25 * LIMIT
        if crowd == "spinning":
            waits = [int((t / "schedstat").read_text().split()[1]) for t in Path(f"/proc/{one.pid}/task").iterdir()]
            assert max(waits) * 1e-9 > passed - used.ran + 0.25 * LIMIT, "they do not wait for each other"
            assert usage(one.pid).waited < time.monotonic() - begun - used.ran + 0.5 * LIMIT
    finally:
        one.kill()
        one.wait()


HOSTILE = ("rest", "spin", "spin_in_threads", "spin_and_wait", "nap", "seek_a_busy_processor")


@pytest.mark.thorough
@pytest.mark.parametrize("others", [0, OTHERS], ids=["alone", "busy"])
@pytest.mark.parametrize("function", HOSTILE)
def test_code_that_never_ends_is_failed_within_its_bound(zygote: Zygote, function: str, others: int) -> None:
    with busy(others), session_of(zygote, check=LIMIT) as session:
        begun = time.monotonic()
        with pytest.raises(WorkerLost) as caught:
            getattr(session.module("s"), function)()
        assert time.monotonic() - begun < (TIMEOUT_FACTOR + 1) * LIMIT
        assert caught.value.limit.startswith("stopped: ") and f"{LIMIT:g} s" in caught.value.limit


def test_questions_without_end_are_no_way_around_it(zygote: Zygote) -> None:
    from autograder.sandbox.trusted.stand_ins import HostModel

    with session_of(zygote, call=LIMIT) as session, pytest.raises(WorkerLost):
        session.module("s").ask_for_ever(HostModel(lambda: 1.0))


def test_threads_do_not_buy_processor_time(zygote: Zygote) -> None:
    """Where several processors are free, the time of all threads together is what is limited."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two processors")
    with session_of(zygote, call=LIMIT) as session, pytest.raises(WorkerLost):
        session.module("s").spin_in_threads()
    meter = session._channel.meter
    assert meter is not None and meter.read().ran < 2 * LIMIT + 1
