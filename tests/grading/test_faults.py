"""The grader under faults: whatever dies or fills up, what was graded is kept, the rest is BLOCKED, nothing stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.platforms.gradescope.validate import validate_results
from tests import processes
from tests.tiny import MANIFEST, ONE, TWO, Tiny

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")

LONG = 60
PATIENT = MANIFEST.replace("call_seconds = 2", f"call_seconds = {LONG}")
PATIENT = PATIENT.replace("check_seconds = 4", f"check_seconds = {LONG}")
SLOW_TWO = TWO.replace("return", "import time; time.sleep(100); return")
FULL_ONE = {"one.double": "PASS", "one.quadruple": "PASS"}


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny(tmp_path)
    tiny.write("assignments/tiny/assignment.toml", PATIENT)
    (tiny.assignment / "checks/hidden/test_hidden.py").unlink()  # one check an item, in the order of the rubric
    return tiny


@dataclass
class Grading:
    """A run of the real command with temporary files of its own."""

    process: subprocess.Popen[str]
    out: Path
    temporary: Path

    @property
    def zygote(self) -> int:
        """The process that workers come from; it is a child of the factory, and the only one in one lane."""
        return processes.zygotes(self.process.pid)[0]

    @property
    def workers(self) -> list[int]:
        return processes.children(self.zygote)

    def wait_for_the_last_check(self) -> None:
        """Wait until a worker sits in the submission's long sleep."""
        wait_for(lambda: any(map(processes.is_asleep, processes.workers(self.process.pid))))

    def end(self, seconds: float = 60.0) -> tuple[int, str, dict[str, Any]]:
        """Wait for the end; return status, stderr and results, which must be valid and leave nothing behind."""
        _, stderr = self.process.communicate(timeout=seconds)
        file = self.out / "results.json"
        assert validate_results(file) == []
        assert {path.name for path in self.out.iterdir()} - {"report.html"} == {"results.json"}
        return self.process.returncode, stderr, json.loads(file.read_text(encoding="utf-8"))


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def outcomes(results: dict[str, Any]) -> dict[str, str]:
    found = [test["extra_data"] for test in results["tests"]]
    return {data["item"]: data["outcome"] for data in found if "outcome" in data}


@pytest.fixture
def start(tiny: Tiny) -> Iterator[Callable[..., Grading]]:
    """Start a grading and do not wait for it."""
    runs: list[Grading] = []

    def start(path: Path, *options: str) -> Grading:
        out, temporary = tiny.root / f"out-{len(runs)}", Path(tempfile.mkdtemp(prefix="faults-"))
        temporary.chmod(0o711)
        command = [sys.executable, "-P", "-m", "autograder", "grade", "tiny", str(path), "--root", str(tiny.root)]
        process = subprocess.Popen(
            [*command, "--out", str(out), "--jobs", "1", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # ignored in the background
        )
        runs.append(Grading(process, out, temporary))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()
        with contextlib.suppress(OSError):
            run.temporary.rmdir()


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_grading_keeps_what_it_has(tiny: Tiny, start: Callable[..., Grading], number: int) -> None:
    tiny.write("assignments/tiny/assignment.toml", PATIENT)
    run = start(tiny.hand_in(two=SLOW_TWO))
    run.wait_for_the_last_check()
    involved = [run.zygote, *run.workers]
    begun = time.monotonic()
    run.process.send_signal(number)
    status, _, results = run.end()
    assert time.monotonic() - begun < LONG  # it does not wait for the check that it interrupts
    assert status == 1
    assert outcomes(results) == {**FULL_ONE, "two.shift": "BLOCKED"}
    assert (results["score"], results["tests"][2]["extra_data"]["needs_regrade"]) == (5.0, True)
    assert f"interrupted ({signal.Signals(number).name})" in results["tests"][2]["output"]
    assert all(processes.is_gone(pid) for pid in involved)
    assert list(run.temporary.iterdir()) == []


@pytest.mark.thorough
def test_a_grading_that_is_interrupted_at_its_start_blocks_everything(
    tiny: Tiny, start: Callable[..., Grading]
) -> None:
    run = start(tiny.hand_in())
    wait_for(lambda: any(run.temporary.iterdir()))  # its private folder is made once signals are noted
    run.process.send_signal(signal.SIGTERM)
    status, _, results = run.end()
    assert (status, results["score"], set(outcomes(results).values())) == (1, 0.0, {"BLOCKED"})
    assert list(run.temporary.iterdir()) == []


@pytest.mark.thorough
def test_without_its_zygote_a_grading_blocks_the_rest(tiny: Tiny, start: Callable[..., Grading]) -> None:
    run = start(tiny.hand_in(one=ONE.replace("return double", "import time; time.sleep(100); return double")))
    run.wait_for_the_last_check()
    involved = [run.zygote, *run.workers]
    os.kill(run.zygote, signal.SIGKILL)
    status, _, results = run.end()
    assert status == 1
    assert outcomes(results) == {"one.double": "PASS", "one.quadruple": "BLOCKED", "two.shift": "BLOCKED"}
    assert results["score"] == 2.0
    assert "lost the process that workers come from" in results["tests"][1]["output"]
    assert all(processes.is_gone(pid) for pid in involved)
    assert list(run.temporary.iterdir()) == []


@pytest.mark.thorough
def test_a_worker_that_spins_dies_with_its_zygote(tiny: Tiny, start: Callable[..., Grading]) -> None:
    spin = "import signal\n    signal.pthread_sigmask(0, range(1, 65))\n    while 1: 1"
    run = start(tiny.hand_in(one=ONE.replace("return x * 2", spin)), "--only", "one.double")
    wait_for(lambda: any(busy(pid) for pid in processes.workers(run.process.pid)))
    worker = next(pid for pid in run.workers if busy(pid))
    os.kill(run.process.pid, signal.SIGSTOP)  # so that it is not the grader who kills it
    os.kill(run.zygote, signal.SIGKILL)
    try:
        wait_for(lambda: processes.is_gone(worker), 10)
    finally:
        os.kill(run.process.pid, signal.SIGCONT)
    assert run.end()[0] == 1


def busy(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]) > 50
    return False


@pytest.mark.thorough
def test_a_killed_grader_leaves_pessimistic_results_and_nothing_else(tiny: Tiny, start: Callable[..., Grading]) -> None:
    run = start(tiny.hand_in(two=SLOW_TWO))
    run.wait_for_the_last_check()
    involved = [run.zygote, *run.workers]
    run.process.kill()
    status, _, results = run.end()
    assert status == -signal.SIGKILL
    assert (results["score"], set(outcomes(results).values())) == (0, {"BLOCKED"})
    assert all(test["extra_data"]["needs_regrade"] for test in results["tests"] if "score" in test)
    assert "did not finish" in json.dumps(results)
    wait_for(lambda: all(processes.is_gone(pid) for pid in involved))
    wait_for(lambda: list(run.temporary.iterdir()) == [])


@pytest.mark.thorough
def test_two_gradings_at_once_do_not_meet(tiny: Tiny, start: Callable[..., Grading]) -> None:
    runs = [start(tiny.hand_in()) for _ in range(2)]
    for run in runs:
        status, _, results = run.end()
        assert (status, results["score"]) == (0, 6.0)
        assert list(run.temporary.iterdir()) == []


@pytest.mark.thorough
def test_a_full_disk_leaves_the_pessimistic_results_and_one_clear_line(tiny: Tiny) -> None:
    out = tiny.root / "small"
    out.mkdir()
    loud = ONE.replace("return x * 2", "raise ValueError('x' * 1900)")  # longer results than the disk has room for
    grade = [sys.executable, "-P", "-m", "autograder", "grade", "tiny", str(tiny.hand_in(one=loud))]
    command = ["sh", str(out), *grade, "--root", str(tiny.root), "--out", str(out)]
    script = (
        'mount -t tmpfs -o size=8k,mode=700 none "$1" || exit 99; out=$1; shift; "$@"; s=$?; cat "$out"/* ; exit $s'
    )
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if run.returncode == 99 or "unshare" in run.stderr:
        pytest.skip("needs a mount namespace")
    assert run.returncode == 1
    assert run.stderr.strip().count("\n") == 0
    assert "results.json: cannot be written: No space left on device" in run.stderr
    results = json.loads(run.stdout[run.stdout.index('{\n "') :])
    assert (results["score"], set(outcomes(results).values())) == (0, {"BLOCKED"})


DEEP = """
    import os
    for _ in range(3000):
        os.mkdir("d"); os.chdir("d")
    open("file", "w").close()
    os._exit(0)
"""


@pytest.mark.thorough
def test_folders_of_any_depth_are_removed(tiny: Tiny, start: Callable[..., Grading]) -> None:
    run = start(tiny.hand_in(one=ONE.replace("return x * 2", DEEP)))
    status, _, results = run.end()
    assert (status, results["score"]) == (0, 4.0)
    assert list(run.temporary.iterdir()) == []


CUT = '''
import os, socket, stat

def _own_socket():
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
        except OSError:
            pass

def answer(count):
    """Send the first bytes of a good answer, then die."""
    header = b'{"k":"value","v":["T","float32",[2],0,[1,false,"cpu",true]]}'
    frame = len(header).to_bytes(4, "big") + (8).to_bytes(8, "big") + header + bytes(8)
    os.write(_own_socket(), frame[:count])
    if count < len(frame):
        os._exit(3)
'''


@pytest.mark.thorough
def test_a_worker_may_die_at_any_byte_of_its_answer(tmp_path: Path) -> None:
    import torch

    from autograder.sandbox.out_of_process import start_zygote
    from autograder.sandbox.trusted.channel import Deadlines
    from autograder.sandbox.trusted.faults import WorkerLost
    from autograder.sandbox.trusted.session import Session

    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    (folder / "cut.py").write_text(CUT, encoding="utf-8")
    loader = {"folder": str(folder), "extra": [], "skip": [], "statement_seconds": None, "devices_on_cpu": False}
    size = 4 + 8 + len('{"k":"value","v":["T","float32",[2],0,[1,false,"cpu",true]]}') + 8
    with start_zygote(folder, readable=["cut.py"], memory=2**30, cpu_seconds=20) as zygote:

        def answer(count: int) -> Any:
            session = Session(zygote.fork_worker(), loader=loader, deadlines=Deadlines(10.0))
            try:
                return session.module("cut").answer(count)
            finally:
                session.close()

        assert answer(size).tolist() == [0.0, 0.0]
        for count in range(size):
            with pytest.raises(WorkerLost, match=r"ended during answer\(\) \(it called exit with status 3\)"):
                answer(count)
    folder.joinpath("cut.py").unlink()
    folder.rmdir()


@pytest.mark.thorough
def test_what_earlier_checks_do_not_use_is_there_for_later_ones(tiny: Tiny) -> None:
    """Three checks of 12 s do not fit into 30 s, and yet the last one may take more than its share of them."""
    manifest = MANIFEST.replace("call_seconds = 2", "call_seconds = 12")
    tiny.write("assignments/tiny/assignment.toml", manifest.replace("check_seconds = 4", "check_seconds = 12"))
    slow = "import time\nslept = []\ndef shift(x):\n    slept or slept.append(time.sleep(11))\n    return x + 1\n"
    run = tiny.grade(tiny.hand_in(two=slow), "--deadline", "30")
    assert run.outcomes == {**FULL_ONE, "two.shift": "PASS"}
    assert run.results["execution_time"] < 30


@pytest.mark.thorough
def test_slow_loading_cannot_use_up_the_run(tiny: Tiny) -> None:
    tiny.write("assignments/tiny/assignment.toml", MANIFEST.replace("load_seconds = 4", "load_seconds = 100"))
    run = tiny.grade(tiny.hand_in(two=TWO + "\nimport time\ntime.sleep(60)\n"), "--deadline", "12")
    assert run.outcomes == {**FULL_ONE, "two.shift": "PASS"}
    assert "ran too long" in run.results["output"]
    assert run.results["execution_time"] < 12


@pytest.mark.slow  # its deadline means the same only on a machine with nothing else to do
def test_a_run_ends_at_its_deadline_and_blames_nobody_for_it(tiny: Tiny) -> None:
    """Three checks of 60 s cannot fit into 7 s: one that is cut short has not failed, one that is done counts."""
    sleep = "import time; time.sleep(100)"
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", sleep), two=SLOW_TWO), "--deadline", "7")
    assert run.results["execution_time"] < 8
    assert run.outcomes == {"one.double": "BLOCKED", "one.quadruple": "PASS", "two.shift": "BLOCKED"}
    assert "the time of the whole run (7 s) was over" in run.output("two.shift")
