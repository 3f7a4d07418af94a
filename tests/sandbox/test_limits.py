"""What a worker may use up: every limit is kept, named with its value, and costs nobody else anything."""

import os
import re
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from autograder.checks import SubmissionRaised
from autograder.sandbox.out_of_process import start_zygote
from autograder.sandbox.trusted import jail
from autograder.sandbox.trusted.channel import Deadlines
from autograder.sandbox.trusted.faults import WorkerLost
from autograder.sandbox.trusted.session import Session

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")

MEMORY = 192 * 2**20
SOURCE = """
import mmap, os, signal, tempfile, threading, time
import torch
kept = []

def pid(): return os.getpid()
def double(x): return x * 2
def oom_score(): return int(open("/proc/self/oom_score_adj").read())
def lower_oom_score(): open("/proc/self/oom_score_adj", "w").write("0")
def hold(megabytes): kept.append(bytearray(megabytes * 2**20)); return len(kept[-1])
def hold_pages(megabytes):
    kept.append(mmap.mmap(-1, megabytes * 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    return len(kept[-1])
def hold_tensor(megabytes): kept.append(torch.ones(megabytes * 2**18)); return kept[-1].numel()
def share(megabytes):
    kept.append(mmap.mmap(-1, megabytes * 2**20))
    for start in range(0, megabytes * 2**20, 4096): kept[-1][start] = 1
    return megabytes
def grow_down(megabytes):
    MAP_GROWSDOWN = 0x100
    kept.append(mmap.mmap(-1, megabytes * 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_GROWSDOWN))
    for start in range(0, megabytes * 2**20, 4096): kept[-1][start] = 1
    time.sleep(10)
def share_later(megabytes):
    threading.Timer(0.2, share, (megabytes,)).start()
    return True
def share_during_half_an_answer(megabytes):
    os.write(own_socket(), bytes(5))
    share(megabytes)
    time.sleep(10)
def own_socket():
    import stat
    return next(n for n in range(3, 256) if os.path.exists(f"/proc/self/fd/{n}") and stat.S_ISSOCK(os.fstat(n).st_mode))
def spin():
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True: pass
def write(number, megabytes, delete=False):
    block = bytes(2**20)
    for i in range(number):
        file = open(f"big-{len(kept)}", "wb")
        kept.append(file)
        if delete: os.unlink(file.name)
        for _ in range(megabytes): file.write(block)
        if not delete: file.close()
    time.sleep(10)
def make_files(number):
    for i in range(number): open(f"file-{i}", "w").close()
    time.sleep(10)
def hide():
    for _ in range(3000):
        os.mkdir("d"); os.chdir("d")
    time.sleep(10)
def start_threads(number):
    threading.stack_size(65536)  # so that it is not the memory of their stacks that ends it
    over = threading.Event()
    for _ in range(number): threading.Thread(target=over.wait, daemon=True).start()
    return number
def busy_threads(number):
    def work():
        while True: os.stat("/"); os.listdir(".")
    threading.stack_size(65536)
    for _ in range(number): threading.Thread(target=work, daemon=True).start()
def read_nothing(gigabytes):
    size, kept_size = gigabytes * 2**30, 2**21
    kept.append(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, mmap.PROT_READ))
    for start in range(0, size, kept_size): kept[-1][start]
    time.sleep(10)
def open_files(number):
    for _ in range(number): kept.append(open("/dev/null"))
def shout():
    for _ in range(200): os.write(1, bytes(2**20)); os.write(2, bytes(2**20))
    return True
def reserve(gigabytes): kept.append(mmap.mmap(-1, gigabytes * 2**30)); return True
def end_by(number): os.kill(os.getpid(), number); time.sleep(5)
def dump_core():
    import resource
    return list(resource.getrlimit(resource.RLIMIT_CORE))
def raise_limits():
    import resource
    failed = 0
    for name in ("CPU", "FSIZE", "NOFILE", "DATA", "CORE"):
        number = getattr(resource, f"RLIMIT_{name}")
        try: resource.setrlimit(number, (resource.RLIM_INFINITY,) * 2)
        except (ValueError, OSError): failed += 1
    return failed
"""


@pytest.fixture(scope="module")
def small():
    """A zygote whose workers may use little."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    (folder / "s.py").write_text(SOURCE, encoding="utf-8")
    (folder / "s.py").chmod(0o644)
    before = jail.DISK, jail.FILES
    jail.DISK, jail.FILES = 64 * 2**20, 500
    with start_zygote(folder, readable=["s.py"], memory=MEMORY, cpu_seconds=4) as zygote:
        zygote.home = folder
        yield zygote
    jail.DISK, jail.FILES = before
    shutil.rmtree(folder)


@pytest.fixture
def open_session(small):
    opened = []

    def open_session(call_seconds=20.0):
        loader = {
            "folder": str(small.home),
            "extra": [],
            "skip": [],
            "statement_seconds": None,
            "devices_on_cpu": False,
        }
        opened.append(Session(small.fork_worker(), loader=loader, deadlines=Deadlines(call_seconds)))
        opened[-1].begin(1)
        return opened[-1]

    yield open_session
    for session in opened:
        session.close()


@pytest.fixture
def s(open_session):
    return open_session().module("s")


def stopped(call, *arguments):
    """Return what the grader says of a worker that it had to stop."""
    with pytest.raises(WorkerLost) as caught:
        call(*arguments)
    return caught.value.summary


def test_memory_that_is_refused_is_an_exception_of_the_submission(s):
    """Exact for pages of the worker's own; of the heap that it inherits, what the grader freed may be used as well."""
    assert s.hold_pages(64) == 64 * 2**20
    with pytest.raises(SubmissionRaised, match="Cannot allocate memory"):
        s.hold_pages(256)
    with pytest.raises(SubmissionRaised, match="MemoryError"):
        s.hold(2**14)
    with pytest.raises(SubmissionRaised, match="can't allocate memory"):
        s.hold_tensor(2**14)
    assert s.double(torch.ones(2)).tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("call", "megabytes"), [("share", 1500), ("grow_down", 400), ("share_during_half_an_answer", 1500)]
)
def test_memory_that_the_kernel_does_not_count_is_counted_by_the_grader(s, call, megabytes):
    """Room that the worker inherits and nobody ever filled is no room for it."""
    assert stopped(getattr(s, call), megabytes) == "stopped: it used more than 192 MB of memory"


@pytest.mark.skipif(torch.version.cuda is None, reason="addresses are limited here, and so are their tables")
def test_page_tables_count_as_memory(s):
    """Each page table here holds two million bytes of nothing: no page of it is the worker's."""
    assert stopped(s.read_nothing, 400) == "stopped: it used more than 192 MB of memory"


def test_shared_memory_has_the_same_limit_as_private_memory(s):
    assert s.share(100) == 100
    s.share_later(200)
    time.sleep(0.6)
    assert stopped(s.pid) == "stopped: it used more than 192 MB of memory"


def test_memory_is_watched_between_two_calls_too(s):
    assert s.share_later(1500) is True
    time.sleep(1.5)
    assert stopped(s.pid) == "stopped: it used more than 192 MB of memory"


def test_the_text_is_the_same_on_every_run(open_session):
    texts = {stopped(open_session().module("s").share, 1500) for _ in range(3)}
    assert len(texts) == 1


def test_processor_time_is_limited_even_where_signals_are_ignored(s):
    assert stopped(s.spin) == "stopped: it used more than 4 s of processor time"


def test_wall_clock_time_is_limited_per_call(open_session):
    slow = open_session(call_seconds=0.3).module("s")
    assert stopped(slow.make_files, 1) == "stopped after 0.3 s: make_files() did not return"


@pytest.mark.parametrize("delete", [False, True], ids=["files", "deleted files that stay open"])
def test_disk_is_limited_altogether(s, small, delete):
    assert stopped(s.write, 100, 10, delete) == "stopped: it filled more than 64 MB of disk"
    assert not list(small.home.glob("scratch-*/big*"))


def test_the_number_of_files_is_limited(s):
    assert stopped(s.make_files, 3000) == "stopped: it made more than 500 files"


def test_files_cannot_be_hidden_in_folders_that_are_too_deep(s, small):
    assert stopped(s.hide) in (
        "stopped: it made more than 500 files", "stopped: it made a folder that nobody can look into",
    )  # fmt: skip
    assert len(list(small.home.glob("scratch-*/d"))) == 0


def test_threads_are_limited(s, small):
    assert s.start_threads(20) == 20
    if small._private_user:
        with pytest.raises(SubmissionRaised, match="can't start new thread"):
            s.start_threads(800)


def test_threads_are_counted_where_the_worker_has_no_user_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(jail, "interpreter_is_readable_by_others", lambda: False)
    tmp_path.chmod(0o711)
    (tmp_path / "s.py").write_text(SOURCE + "\ndef crowd(n): start_threads(n); time.sleep(10)\n", encoding="utf-8")
    with start_zygote(tmp_path, readable=["s.py"], memory=2**31, cpu_seconds=20) as zygote:
        loader = {"folder": str(tmp_path), "extra": [], "skip": [], "statement_seconds": None, "devices_on_cpu": False}
        session = Session(zygote.fork_worker(), loader=loader, deadlines=Deadlines(20.0))
        assert re.match(r"stopped: it had more than 512 threads", stopped(session.module("s").crowd, 700))
        session.close()


def test_open_files_are_limited(s):
    with pytest.raises(SubmissionRaised, match="Too many open files"):
        s.open_files(300)


def test_output_leads_nowhere_and_costs_nothing(s):
    assert s.shout() is True


def test_limits_cannot_be_raised_and_no_core_is_dumped(s):
    assert s.raise_limits() == 5
    assert s.dump_core() == [0, 0]


@pytest.mark.skipif(torch.version.cuda is not None, reason="a build for CUDA reserves addresses without bound")
def test_addresses_are_limited(s):
    with pytest.raises(SubmissionRaised, match="Cannot allocate memory"):
        s.reserve(8)


def test_addresses_are_limited_unless_torch_is_built_for_cuda(monkeypatch):
    import resource

    asked = {}
    monkeypatch.setattr(resource, "setrlimit", lambda name, value: asked.setdefault(name, value))
    monkeypatch.setattr(jail, "_be_the_first_to_go", lambda: None)
    monkeypatch.setattr(jail.signal, "signal", lambda *ignored: None)
    settings = jail.JailSettings(None, "/", (), MEMORY, 1)
    for cuda in ("12.0", None):
        asked.clear()
        monkeypatch.setattr(torch.version, "cuda", cuda)
        jail._limit_resources(settings)
        assert (resource.RLIMIT_AS in asked) == (cuda is None)


def test_the_kernel_takes_the_worker_before_the_grader(s):
    assert s.oom_score() == 1000
    with pytest.raises(SubmissionRaised, match=r"PermissionError|Read-only"):
        s.lower_oom_score()
    assert Path("/proc/self/oom_score_adj").read_text().strip() != "1000"


def test_a_small_call_is_not_slowed_down(s):
    """The walls cost a call little: it takes a small multiple of a bare exchange between two processes."""
    tensor = torch.randn(8, 16)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        while data := theirs.recv(4096):
            theirs.sendall(data)
        os._exit(0)
    theirs.close()

    def exchange() -> None:
        ours.sendall(bytes(1024))
        assert len(ours.recv(4096)) == 1024

    called, exchanged = (median_of(work) for work in (lambda: s.double(tensor), exchange))
    ours.close()
    os.waitpid(child, 0)
    assert called < 60 * exchanged


def median_of(work) -> float:
    """Return the median of the seconds that some work takes."""
    times = []
    for _ in range(300):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


@pytest.mark.parametrize(
    ("number", "name"), [(9, "SIGKILL, as when the machine runs out of memory"), (11, "SIGSEGV"), (40, "40")]
)
def test_a_signal_that_ended_a_worker_is_named(s, number, name):
    assert stopped(s.end_by, number) == f"the process ended during end_by() (killed by signal {name})"


@pytest.mark.parametrize("call", ["share", "crowd"])
def test_a_worker_is_gone_with_all_its_threads_when_it_has_been_ended(open_session, call):
    """Its folder is removed next: none of its threads may still be in a system call."""
    session = open_session()
    pid = session.module("s").pid()
    if call == "share":
        stopped(session.module("s").share, 1500)
    else:
        session.module("s").busy_threads(10)
    session.close()
    assert not Path(f"/proc/{pid}").exists()
