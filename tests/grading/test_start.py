"""How a grading starts: what a worker is called, how deadlines are counted, what names and devices may do to it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tiny import ONE, TWO, Tiny

FULL = {"one.double": "PASS", "one.quadruple": "PASS", "two.shift": "PASS"}


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


@pytest.mark.thorough
def test_a_script_that_reads_its_arguments_sees_none_but_its_name(tiny: Tiny) -> None:
    parser = """
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=2.0)
options = parser.parse_args()
assert len(sys.argv) == 1 and os.path.basename(sys.argv[0]) == "one.py" and os.path.isfile(sys.argv[0])
"""
    one = parser + ONE.replace("x * 2", "x * options.rate")
    run = tiny.grade(tiny.hand_in(one=one), "--grading-seed", "another")
    assert (run.status, run.outcomes) == (0, FULL), run.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("form", [["--grading-seed", "NEVER-SHOWN"], ["--grading-seed=NEVER-SHOWN"]], ids=len)
def test_the_seed_is_no_argument_of_the_process_that_forks(tiny: Tiny, form: list[str]) -> None:
    tell = "import sys, gc; raise ValueError([x for x in gc.get_objects() if x == 1] + sys.argv + sys.orig_argv)"
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", tell)), *form)
    assert run.outcomes["one.double"] == "FAIL"
    assert "NEVER-SHOWN" not in str(run.results) + run.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads when a process began in /proc")
def test_a_deadline_counts_from_the_start_of_the_process() -> None:
    code = "import time; time.sleep(0.5); from autograder.launch import started; print(time.monotonic() - started())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert float(done.stdout) >= 0.5


@pytest.mark.thorough
def test_a_run_whose_time_is_over_before_its_first_check_leaves_results(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(), "--deadline", "1")  # less than importing torch takes
    assert run.status == 1 and set(run.outcomes.values()) == {"BLOCKED"}
    assert "the time of the whole run (1 s) was over" in run.output("one.double")


@pytest.mark.thorough
def test_a_run_on_the_reference_ends_with_the_run(tiny: Tiny) -> None:
    """What fails is tried on the reference, which takes longer here than there is."""
    tiny.write("solutions/tiny/one.py", ONE.replace("return x * 2", "import time; time.sleep(600); return x * 2"))
    run = tiny.grade(tiny.hand_in(one=ONE.replace("return x * 2", "return x * 3")), "--deadline", "25")
    assert run.outcomes["one.double"] == "BLOCKED" and run.outcomes["two.shift"] in ("PASS", "BLOCKED")
    assert "reference" in run.output("one.double") or "the time of the whole run" in run.output("one.double")


@pytest.mark.thorough
def test_a_hidden_check_names_the_limit_that_was_passed(tiny: Tiny) -> None:
    slow = ONE.replace("return x * 2", "import time; len(x) == 5 and time.sleep(600); return x * 2")
    run = tiny.grade(tiny.hand_in(one=slow))
    assert run.outcomes == {**FULL, "one.double": "FAIL"}
    assert "stopped: a call took longer than the 2 s that it may take" in run.output("one.double")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["\u00e9" * 200, "\u4e2d" * 86, "\U0001f600" * 64], ids=len)
def test_names_are_counted_in_bytes(tiny: Tiny, name: str) -> None:
    with zipfile.ZipFile(tiny.root / "named.zip", "w") as bundle:
        bundle.writestr("one.py", ONE)
        bundle.writestr("two.py", TWO)
        bundle.writestr(f"{name}.py", "x = 1")
    run = tiny.grade(tiny.root / "named.zip")
    assert (run.status, run.outcomes) == (0, FULL), run.stderr
    assert "its name is too long" in run.results["output"]


@pytest.mark.thorough
@pytest.mark.parametrize("device", ["mps", "xpu", "hip", "cuda:0"])
def test_a_device_that_is_not_here_means_the_cpu(tiny: Tiny, device: str) -> None:
    one = f"""
import torch
assert not torch.backends.mps.is_available()
device = torch.device({device!r})
generator = torch.Generator(device=device).manual_seed(0)
torch.set_default_device({device!r})
layer = torch.nn.Linear(3, 3).to({device!r})
table = torch.ones(2, device=device) + torch.randn(2, generator=generator, device={device!r})
with torch.autocast({device!r}.partition(":")[0]):
    assert (table.to(device) @ torch.ones(2, 2, device=device)).dtype == torch.float32
""" + ONE.replace("return x * 2", "return x.to(device) * torch.full((), 2.0, device=device)")
    run = tiny.grade(tiny.hand_in(one=one))
    assert run.outcomes == FULL and "left out" not in run.results["output"], run.results["output"]


@pytest.mark.thorough
def test_nothing_is_left_among_temporary_files(tiny: Tiny) -> None:
    temporary = tiny.root / "temporary"
    temporary.mkdir()
    temporary.chmod(0o711)
    environment = {"TMPDIR": str(temporary), "HOME": "/nowhere"}
    assert tiny.grade(tiny.hand_in(), environment=environment).status == 0
    assert list(temporary.iterdir()) == []
    tiny.write("assignments/tiny/checks/public/test_public.py", "nonsense =")
    assert tiny.grade(tiny.hand_in(), environment=environment).status == 1
    assert list(temporary.iterdir()) == []
