"""The doctor on machines where something is broken: one line for each fault, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments import ROOT, environment_with_broken
from tests.tiny import ONE, Tiny

pytestmark = pytest.mark.thorough

RELEASE_CANDIDATE = "raise AttributeError(\"module 'sys' has no attribute\\n'get_int_max_str_digits'\")\n"
"""How torchvision ends on a Python that is a release candidate."""


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of an environment."""
    command = [str(python), "-P", "-m", "autograder", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def faults(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what the doctor says of each thing that is broken."""
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    lines = [line.removeprefix("FAIL  ").partition(": ") for line in done.stdout.splitlines() if line[:4] == "FAIL"]
    assert len(lines) == len({name for name, _, _ in lines}), "two lines for one fault"
    return {name: what for name, _, what in lines}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which libraries break in three ways, none of which a worker needs."""
    modules = {
        "torchvision": RELEASE_CANDIDATE,
        "seaborn": "raise SystemExit('no')\n",
        "einops": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
    }
    return environment_with_broken(tmp_path_factory.mktemp("broken") / "venv", modules)


@pytest.fixture(scope="module")
def told(broken: Path) -> subprocess.CompletedProcess[str]:
    return run(broken, "doctor")


def test_each_broken_library_is_one_line(told: subprocess.CompletedProcess[str]) -> None:
    found = faults(told)
    found.pop("private user", None)  # as where this environment lies in a folder that others cannot read
    assert found == {
        "torchvision": "it cannot be imported: AttributeError: module 'sys' has no attribute 'get_int_max_str_digits'",
        "seaborn": "it cannot be imported: SystemExit: no",
        "einops": "importing it ended Python by the signal SIGSEGV",
    }
    assert told.returncode == 1


def test_workers_are_tried_where_they_can_do_without(told: subprocess.CompletedProcess[str]) -> None:
    assert "ok    a worker can start a thread" in told.stdout and "ok    scikit-learn" in told.stdout


def test_without_what_workers_need_they_are_not_tried(tmp_path: Path) -> None:
    modules = {"torch": "raise ImportError('libtorch.so: no such file')\n", "typer": "import no_such_module\n"}
    done = run(environment_with_broken(tmp_path / "venv", modules), "doctor")
    assert faults(done) == {
        "torch": "it cannot be imported: ImportError: libtorch.so: no such file",
        "typer": "it cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    }
    assert "      torchvision was not tried: it needs torch" in done.stdout
    assert "      workers were not tried: they need torch" in done.stdout and done.returncode == 1


def test_another_command_says_in_one_line_that_the_installation_is_broken(tmp_path: Path) -> None:
    python = environment_with_broken(tmp_path / "venv", {"typer": "raise ImportError('gone')\n"})
    done = run(python, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "autograder: this installation is broken: ImportError: gone; `autograder doctor` says more\n"
    )


def test_a_grading_with_a_broken_library_says_so_and_students_learn_that_staff_must_act(
    broken: Path, tmp_path: Path
) -> None:
    tiny = Tiny(tmp_path)
    manifest = (tiny.assignment / "assignment.toml").read_text()
    tiny.write("assignments/tiny/assignment.toml", manifest.replace("[rules]", 'preload = ["torchvision"]\n[rules]'))
    out = tmp_path / "out"
    hand_in = tiny.hand_in(one=ONE + "# torchvision\n")  # what no file names is not imported
    done = run(broken, "grade", "tiny", str(hand_in), "--root", str(tmp_path), "--out", str(out))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "torchvision cannot be imported on this machine: AttributeError: module 'sys' has no" in done.stderr
    results = (out / "results.json").read_text()
    assert "Handing in again does not help: the course staff have to repair it" in results


OUTDATED = "Metadata-Version: 2.1\nName: tqdm\nVersion: 4.1\n"


def test_a_library_that_is_too_old_or_missing_is_a_line(tmp_path: Path) -> None:
    python = environment_with_broken(tmp_path / "venv", {})
    folder = next((tmp_path / "venv").glob("lib/python*/site-packages")) / "tqdm-4.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(OUTDATED)
    code = "from autograder.doctor_libraries import main; main(['tqdm>=4.66']); main(['no-such>=1'])"
    done = subprocess.run([str(python), "-P", "-c", code], capture_output=True, text=True, check=True)
    assert '"fault": "4.1 is installed, >=4.66 is needed"' in done.stdout
    assert '"fault": "it is not installed"' in done.stdout


def test_every_call_of_the_doctor_may_fail(tmp_path: Path) -> None:
    """Whatever a part of it raises, the doctor goes on or ends with one line."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if "Traceback" in line] == []
    outcomes = dict(line.removeprefix("outcome ").split("=") for line in lines if line.startswith("outcome "))
    assert outcomes and set(outcomes.values()) == {"1 1"}, outcomes
    assert "ok    tensors come back as they are" in lines
    broken_probe = [line for line in lines if line.startswith("FAIL  a worker can start a thread: ")]
    assert len(broken_probe) == 1 and "KeyError" in broken_probe[0]


DRIVER = """
import contextlib, io
import torch
torch.set_num_threads(1)
from autograder import doctor, doctor_walls
from autograder.sandbox.trusted import zygote

def raises(*arguments, **options):
    raise RuntimeError("broken for a test")

PARTS = {
    "folder": (doctor_walls.tempfile, "mkdtemp"),
    "probe": (doctor_walls, "files"),
    "zygote": (doctor_walls, "start_zygote"),
    "session": (doctor_walls, "Session"),
    "walls": (doctor_walls, "missing_walls"),
    "needed": (doctor_walls.torch, "equal"),
    "removed": (doctor_walls, "remove_tree"),
    "fork": (zygote.Zygote, "fork_worker"),
}
for name, (owner, part) in PARTS.items():
    kept = getattr(owner, part)
    setattr(owner, part, raises)
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        right = doctor._examine_workers(strict=False)
    setattr(owner, part, kept)
    faults = [line for line in shown.getvalue().splitlines() if line.startswith("FAIL") and "broken for a test" in line]
    print(f"outcome {name}={int(not right)} {len(faults)}")

class Probe:
    text = doctor_walls.files("autograder").joinpath("doctor_probe.py").read_text()
    def joinpath(self, name):
        return self
    def read_text(self, encoding):
        return self.text + "\\ndef can(action):\\n    raise KeyError(action)\\n"

doctor_walls.files = lambda package: Probe()
doctor._examine_workers(strict=False)
"""
