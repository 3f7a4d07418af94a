"""Workers: what the jail leaves them, and what is left of them."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.checks import SubmissionRaised
from autograder.sandbox.jailed import trainee
from autograder.sandbox.jailed.scripts import compiled, packed
from autograder.sandbox.out_of_process import open_factory
from autograder.sandbox.trusted.faults import WorkerLost
from autograder.sandbox.trusted.jail import FIRST_UID, LAST_UID
from autograder.sandbox.trusted.session import Session
from autograder.sandbox.trusted.zygote_main import CLEAN_ENVIRONMENT, COLLAPSE_AT
from tests.processes import is_gone

SOURCE = """
import os, sys, tempfile
def uids(): return os.getresuid(), os.getresgid(), os.getgroups()
def environment(): return dict(os.environ)
def cwd(): return os.getcwd()
def pid(): return os.getpid()
def session(): return os.getsid(0)
def read(path):
    with open(path) as file: return file.read()
def write(path):
    with open(path, "w") as file: file.write("x")
    return True
def write_temporary():
    with tempfile.NamedTemporaryFile("w") as file: file.write("x"); return file.name
def listing(path): return sorted(os.listdir(path))
def descriptors():
    found = []
    for number in range(256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append((number, os.readlink(f"/proc/self/fd/{number}")))
    return found
def shout():
    print("x" * 10**6); print("y" * 10**6, file=sys.stderr); return 1
def ask(): return input()
def fork(): return os.fork()
def privileges():
    with open("/proc/self/status") as status:
        return [line.split()[1] for line in status if line.startswith(("NoNewPrivs", "CapEff"))]
def memory(): return len(bytearray(8 * 2**30))
def fill():
    with open("big", "wb") as file:
        for _ in range(2000): file.write(bytes(2**20))
def threads():
    import threading
    found = []
    for i in range(4):
        thread = threading.Thread(target=found.append, args=(i,)); thread.start(); thread.join()
    return found
def missing_module():
    import colorsys
    return colorsys.__name__
"""  # fmt: skip


@pytest.fixture
def s(start):
    return start("worker", SOURCE).module("s")


def held(zygote, name):
    return any(wall.name == name and wall.held for wall in zygote.walls)


def refused(call, *args):
    """Whether a call raises an OSError in the worker, and the worker survives."""
    try:
        call(*args)
    except SubmissionRaised as error:
        return error.builtin in ("PermissionError", "OSError", "BlockingIOError", "FileNotFoundError", "RuntimeError")
    return False


def test_a_worker_is_a_user_of_its_own(s, start, zygote):
    user, group, groups = s.uids()
    if not held(zygote, "private user"):
        pytest.skip("needs root and a Python that others can read")
    assert len({*user, *group}) == 1 and FIRST_UID <= user[0] < LAST_UID and groups == []
    assert start("worker", SOURCE).module("s").uids()[0] != user


def test_a_worker_reads_its_submission_and_nothing_private(s, zygote):
    secret = zygote.home / "secret.txt"
    secret.write_text("the answer", encoding="utf-8")
    secret.chmod(0o600)
    if held(zygote, "private user") or held(zygote, "landlock"):
        assert refused(s.read, str(secret))
        assert refused(s.write, str(zygote.home / "planted"))
        assert refused(s.listing, str(zygote.home))
        assert refused(s.read, "/proc/1/environ")
        assert refused(s.read, f"/proc/{os.getpid()}/environ")
    assert not (zygote.home / "planted").exists()


def test_a_worker_works_in_a_scratch_folder_that_is_removed(s, start, zygote):
    here = Path(s.cwd())
    assert here.is_relative_to(zygote.home) and here.exists()
    assert s.write("results.txt") is True and (here / "results.txt").exists()
    assert Path(s.write_temporary()).is_relative_to(here)
    session = start("worker", SOURCE)
    there = Path(session.module("s").cwd())
    assert there != here
    assert refused(s.write, str(there / "x")) and refused(s.listing, str(there))
    session.close()
    wait_for(lambda: not there.exists())


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_a_worker_has_a_clean_environment(s):
    environment = s.environment()
    own = {"HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME"}
    assert set(environment) <= set(CLEAN_ENVIRONMENT) | own | {"LC_CTYPE", "KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK"}
    assert all(environment[name] == s.cwd() for name in own)
    assert environment["CUDA_VISIBLE_DEVICES"] == ""


def test_a_worker_inherits_no_descriptor(s):
    found = dict(s.descriptors())
    assert [found.pop(number) for number in (0, 1, 2)] == ["/dev/null"] * 3
    sockets = [name for name in found.values() if name.startswith("socket:")]
    rest = [name for name in found.values() if not name.startswith("socket:")]
    assert len(sockets) == 1
    assert all(name == "/dev/null" for name in rest)


def test_what_a_worker_prints_and_asks_leads_nowhere(s, capfd):
    assert s.shout() == 1
    with pytest.raises(SubmissionRaised, match="EOFError"):
        s.ask()
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_no_way_back(s):
    capabilities, no_new_privileges = s.privileges()
    assert (int(capabilities, 16), no_new_privileges) == (0, "1")


def test_a_worker_starts_no_processes_where_seccomp_holds(s, zygote):
    if held(zygote, "seccomp"):
        assert refused(s.fork)
    assert s.threads() == [0, 1, 2, 3]


def test_a_worker_has_so_much_memory_and_no_more(s):
    with pytest.raises(SubmissionRaised, match="MemoryError"):
        s.memory()
    with pytest.raises(SubmissionRaised, match="File too large"):
        s.fill()
    assert s.pid() > 0


def test_standard_modules_that_were_not_loaded_before_can_be(s):
    assert s.missing_module() == "colorsys"


def test_a_worker_that_is_closed_is_gone(start):
    session = start("worker", SOURCE)
    pid = session.module("s").pid()
    assert Path(f"/proc/{pid}").exists() and session.module("s").session() == pid
    session.close()
    wait_for(lambda: is_gone(pid))
    session.close()  # twice does no harm
    with pytest.raises(WorkerLost):
        session.module("s").pid()


def test_a_worker_that_is_stuck_is_gone_too(start):
    source = (
        SOURCE
        + "import signal\ndef stuck():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: pass\n"
    )
    session = start("worker", source, call_seconds=0.3)
    pid = session.module("s").pid()
    with pytest.raises(WorkerLost, match="stopped after"):
        session.module("s").stuck()
    session.close()
    wait_for(lambda: is_gone(pid))


def test_workers_share_nothing(start):
    source = "state = []\ndef add():\n    state.append(1)\n    return len(state)\n"
    one, other = start("worker", source), start("worker", source)
    assert [one.module("s").add() for _ in range(2)] == [1, 2]
    assert other.module("s").add() == 1


def test_a_gpu_that_is_not_there_is_no_trouble_for_honest_code(start):
    source = """
import torch
device = torch.device("cuda:0")
layer = torch.nn.Linear(2, 2).to(device)
class Data(torch.utils.data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, i): return torch.full((2,), float(i))
@torch.compile
def f(x): return x * 2
@torch.compile(mode="reduce-overhead")
def g(x): return x * 3
def run():
    loader = torch.utils.data.DataLoader(Data(), 2, num_workers=2, persistent_workers=True, prefetch_factor=4)
    total = sum(float(batch.to("cuda").sum()) for batch in loader)
    x = torch.ones(2, device="cuda").cuda()
    layer.cuda()(x), layer.to(device="cuda:0")
    return total, str(g(f(x)).device)
"""
    session = start("worker", source, devices_on_cpu=True)
    assert session.load("s") == ([], [])
    assert session.module("s").run() == (12.0, "cpu")


def test_the_graders_own_sockets_do_not_leak_into_workers(start):
    left, right = socket.socketpair()
    with left, right:
        left.set_inheritable(True)
        found = dict(start("worker", SOURCE).module("s").descriptors())
    assert sum(name.startswith("socket:") for name in found.values()) == 1


def test_what_one_worker_compiled_the_next_one_runs(start, zygote):
    where = zygote.home / "submissions" / "shared"
    where.mkdir(mode=0o755)
    text = "from __future__ import annotations\nimport helper\ndef answer(x: Missing): return helper.ONE + {}\n"
    files = {"helper.py": "ONE = 1\nreturn 5\n"}
    first = start("worker", text.format(1), files, where=where)
    said = ["helper.py", 2, "SyntaxError", "'return' outside function (helper.py, line 2)", False]
    assert first.load("s") == ([said], [])
    scripts = first.scripts()
    changed = {"helper.py": "ONE = 10\n"}
    second = start("worker", text.format(2), changed, where=where, scripts=scripts)
    assert second.load("s") == first.load("s") and second.module("s").answer(0) == 2
    third = start("worker", text.format(2), changed, where=where)
    assert third.module("s").answer(0) == 12


@pytest.mark.parametrize("scripts", [b"\0", b"not marshalled", b"i\1\0\0\0"])
def test_what_is_no_code_of_another_worker_is_compiled_anew(start, scripts):
    assert start("worker", "def one(): return 1\n", scripts=scripts).module("s").one() == 1


def test_no_other_worker_has_a_say_in_what_a_probe_is(start, zygote, tmp_path):
    where = zygote.home / "submissions" / "forged"
    where.mkdir(mode=0o755)
    probe = where / "probe.py"
    forged = {str(probe): compiled("def answer(): return 'forged'\n", str(probe))}
    files = {"probe.py": "def answer(): return 'ours'\n"}
    session = start("worker", "import probe\n", files, where=where, scripts=packed(forged), extra=[str(probe)])
    assert session.module("probe").answer() == "ours"


def test_workers_inherit_what_was_compiled_of_the_graders_own_files(tmp_path):
    (tmp_path / "copy").mkdir()
    tmp_path.chmod(0o711)
    provided, probe = tmp_path / "copy" / "provided.py", tmp_path / "probe.py"
    provided.write_text("from .s import twice\n", encoding="utf-8")
    probe.write_text("try:\n    1 / 0\nexcept ZeroDivisionError: pass\n", encoding="utf-8")
    text = "import provided, probe, autograder.sandbox.jailed.scripts as own\ntwice = 2\n"
    (tmp_path / "copy" / "s.py").write_text(text + "compiled = own.compiled.cache_info\n", encoding="utf-8")
    factory = open_factory(tmp_path, preload=(), provided={provided: provided}, probes=[probe])
    workers = factory.order(tmp_path, ["copy", "probe.py"]).start(memory=2**30, cpu_seconds=20.0)
    before = compiled.cache_info().misses
    settings = {
        "folder": str(tmp_path / "copy"), "extra": [str(probe)], "skip": [], "statement_seconds": 5.0,
        "devices_on_cpu": False,
    }  # fmt: skip
    session = Session(workers.fork_worker(), loader=settings)
    try:
        session.begin(1)
        assert session.module("s").compiled()[1] == before + 1  # s itself
    finally:
        session.close()
        workers.close()
        factory.close()


def test_all_that_a_worker_needs_of_the_engine_is_there_before_the_fork():
    """Behind the walls it may be in no folder that can be read: of a checkout only the installation shows there."""
    rooms = Path(trainee.__file__).parents[1]
    own = [
        f"autograder.sandbox.{room}.{path.stem}"
        for room in ("jailed", "shared")
        for path in (rooms / room).glob("*.py")
    ]
    wanted = [name for name in own if not name.endswith(("__init__", "plain_main"))] + ["numpy.random"]
    code = f"import sys, autograder.sandbox.out_of_process; print([n for n in {wanted!r} if n not in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(wanted) > 10 and done.stdout == "[]\n"


def test_after_some_workers_what_all_inherit_lies_in_huge_pages(zygote, start):
    def huge():
        lines = Path(f"/proc/{zygote.pid()}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))

    if not huge_pages_can_be_made():
        pytest.skip("this kernel makes no huge pages on demand")
    for _ in range(COLLAPSE_AT + 1):
        zygote.fork_worker().close()
    assert huge() >= 32 * 1024
    assert start("worker", "def twice(x): return 2 * x").module("s").twice(3) == 6


def huge_pages_can_be_made():
    code = "from autograder.sandbox.trusted.huge_pages import collapse; kept = b'1' * 2**25; print(collapse())"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) >= 2**24
