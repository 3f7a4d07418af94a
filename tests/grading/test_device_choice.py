"""Where the grader trains: asked for on the command line, chosen after the fork, and said where there is no GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autograder.errors import UserError
from autograder.grading.device_choice import choose_device
from autograder.grading.options import Device
from autograder.launch import PASSED_ON
from tests.tiny import ONE, Tiny, command

WITHOUT_GPU = not torch.cuda.is_available()
NONE_HERE = {"CUDA_VISIBLE_DEVICES": ""}


def test_the_cpu_is_used_where_it_is_asked_for_or_there_is_nothing_else() -> None:
    assert choose_device(Device.CPU) == torch.device("cpu")
    assert choose_device(Device.AUTO).type == ("cpu" if WITHOUT_GPU else "cuda")


@pytest.mark.skipif(not WITHOUT_GPU, reason="there is a GPU here")
def test_a_gpu_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(UserError, match=r"--device cuda: .*the CPU is used where there is no GPU"):
        choose_device(Device.CUDA)


def test_a_gpu_that_does_not_answer_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("autograder.checks.training.device.F.conv2d", _fail)
    monkeypatch.setattr("autograder.checks.training.device.torch.zeros", _fail)
    assert choose_device(Device.AUTO) == torch.device("cpu")
    with pytest.raises(UserError, match="the GPU cannot be used: no kernel image"):
        choose_device(Device.CUDA)


def _fail(*arguments: object, **options: object) -> None:
    raise RuntimeError("no kernel image\nis available for execution on the device")


@pytest.mark.thorough
def test_the_command_says_in_one_line_that_there_is_no_gpu(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    run = tiny.grade(tiny.hand_in(), "--device", "cuda", environment=NONE_HERE)
    assert run.status == 2 and run.stderr.startswith("autograder: --device cuda: ") and run.stderr.count("\n") == 1
    assert {test["score"] for test in run.results["tests"] if "score" in test} == {0.0}  # the pessimistic results


@pytest.mark.thorough
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_grading_goes_on(tmp_path: Path, device: str) -> None:
    tiny = Tiny(tmp_path)
    run = tiny.grade(tiny.hand_in(), "--device", device, environment=NONE_HERE)
    assert run.status == 0 and sum(run.scores.values()) == 6.0


def test_an_unknown_device_is_misuse() -> None:
    done = command("grade", "tiny", os.devnull, "--device", "tpu")
    assert done.returncode == 2 and "'auto', 'cpu', 'cuda'" in done.stderr


def test_a_cluster_may_say_which_gpu_is_meant() -> None:
    assert "CUDA_VISIBLE_DEVICES" in PASSED_ON


PRELOADED = """
import torch
torch.cuda.is_initialized = lambda: True  # as after any call that needs a GPU
"""


@pytest.mark.thorough
def test_nothing_is_forked_once_cuda_is_initialised(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    tiny.write("early_cuda.py", PRELOADED)
    manifest = tiny.assignment / "assignment.toml"
    manifest.write_text(manifest.read_text().replace("[rules]", 'preload = ["early_cuda"]\n[rules]'))
    hand_in = tiny.hand_in(one=ONE + "# early_cuda\n")  # what no file names is not imported
    code = (
        f"import os, sys; sys.path.insert(0, {str(tmp_path)!r}); os.environ['AUTOGRADER_CLEAN'] = '1'\n"
        "from autograder.cli import main\n"
        f"sys.argv = ['autograder', 'grade', 'tiny', {str(hand_in)!r}, '--root', {str(tmp_path)!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "initialises CUDA" in done.stderr
