"""Trainings of `ift6135_a3` that are killed and resumed end as those that nobody interrupted, number by number."""

from __future__ import annotations

import functools
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PROVIDED = ROOT / "assignments" / "ift6135_a3" / "provided"
REFERENCE = ROOT / "solutions" / "ift6135_a3"
NAMES = [path.stem for folder in (PROVIDED, REFERENCE) for path in sorted(folder.glob("*.py"))]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

COMMON = ["--small", "--batches", "2", "--epochs", "4", "--device", "cpu"]
TINY = {
    "vae": ["--z-dim", "4", *COMMON],
    "ddpm": ["--dim", "8", "--image-size", "8", "--samples", "2", "--levels", "5", "20", *COMMON],
    "q3": ["with", "--width", "2", "--dim", "8", "--pred-dim", "4", *COMMON],
}
CHECKPOINT = {"vae": "vae/checkpoint.pt", "ddpm": "ddpm/checkpoint.pt", "q3": "simsiam/with.pt"}
FIGURES = {
    "vae": ["vae/samples_004.png", "vae/loss.png", "vae/interpolation.png", "vae/latent_profile.png"],
    "ddpm": ["ddpm/samples_004.png", "ddpm/loss.png", "ddpm/reconstructions.png"],
    "q3": ["simsiam/with.json"],
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reference in the place of a student's files."""
    folder = tmp_path_factory.mktemp("course")
    for source in (*PROVIDED.glob("*.py"), *REFERENCE.glob("*.py")):
        shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="module")
def modules(course: Path) -> Iterator[SimpleNamespace]:
    """The files of that folder, imported under the names that students use and forgotten afterwards."""
    before = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path.insert(0, str(course))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(course))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(before)
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def finished(modules: SimpleNamespace, course: Path) -> Callable[[str], Path]:
    """Folders with the results of runs that nobody interrupted, each made once."""

    @functools.cache
    def run(name: str) -> Path:
        getattr(modules, f"{name}_solution").main([*TINY[name], "--out", str(course / "whole")])
        return course / "whole" / "small"

    return run


def kill_after(course: Path, name: str, line: str, *more: str) -> None:
    """Run until a line with these words was printed, then end the process without any warning."""
    command = [sys.executable, f"{name}_solution.py", *TINY[name], *more]
    with subprocess.Popen(command, cwd=course, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert any(line in said for said in run.stdout), f"{line!r} was never printed"
        run.kill()
    assert run.returncode == -signal.SIGKILL


def state_of(results: Path, name: str) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(results / CHECKPOINT[name], weights_only=True)
    return state


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.thorough
@pytest.mark.parametrize("name", [pytest.param("vae", marks=pytest.mark.slow), "ddpm", "q3"])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    modules: SimpleNamespace,
    course: Path,
    finished: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    whole, killed = finished(name), course / "killed" / "small"
    kill_after(course, name, "epoch 2:", "--out", "killed")
    assert state_of(killed, name)["epoch"] in (1, 2)
    capsys.readouterr()
    getattr(modules, f"{name}_solution").main([*TINY[name], "--out", str(course / "killed"), "--resume"])
    said = capsys.readouterr().out
    assert "going on after number" in said and "epoch 1:" not in said and "epoch 4:" in said
    states = [state_of(results, name) for results in (whole, killed)]
    for state in states:
        assert len(state["history"].pop("seconds", [0] * 4)) == 4
        del state["random"]["python"]  # whatever is imported for the first time may draw from it
    assert same(*states)
    for figure in FIGURES[name]:
        assert (whole / figure).read_bytes() == (killed / figure).read_bytes(), figure


def test_a_finished_training_draws_other_levels_without_training_again(
    modules: SimpleNamespace, course: Path, finished: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished("ddpm") / "ddpm"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    more = ["--out", str(course / "whole"), "--resume", "--levels", "3", "6", "9"]
    modules.ddpm_solution.main([*TINY["ddpm"], *more])
    said = capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "going on after number 4" in said and "loss" not in said
    assert after["checkpoint.pt"] == before["checkpoint.pt"] and after["loss.png"] == before["loss.png"]
    assert after["reconstructions.png"] != before["reconstructions.png"]


@pytest.mark.thorough
def test_the_chain_can_have_another_length(course: Path) -> None:
    """Tables, levels and the folder of results follow ``--timesteps``."""
    command = [
        sys.executable,
        "ddpm_solution.py",
        *TINY["ddpm"],
        "--timesteps",
        "12",
        "--epochs",
        "0",
        "--out",
        "length",
    ]
    command = [word for word in command if word not in ("--levels", "5", "20")]
    done = subprocess.run(command, cwd=course, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (course / "length" / "small" / "ddpm_12" / "reconstructions.png").is_file()


def test_what_the_chain_cannot_be_is_said_in_one_line(
    modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ddpm = modules.ddpm_solution
    monkeypatch.setattr(ddpm, "betas", ddpm.betas[:20])  # a student who wrote a number in the place of T
    for call, words in (
        (lambda: modules.recipes.read_timesteps(1000, ["--timesteps", "1"]), "a chain has two steps or more"),
        (lambda: ddpm.main(["--timesteps", "20"]), "--timesteps 20, but T is 1000 and `betas` has 20 entries"),
        (lambda: ddpm.main([]), "T is 1000 and `betas` has 20 entries"),
    ):
        with pytest.raises(SystemExit):
            call()
        assert words in capsys.readouterr().err
    monkeypatch.undo()
    for level in ("0", "1001"):
        with pytest.raises(SystemExit):
            ddpm.main(["--levels", level])
        assert f"--levels {level}: there are the steps 1 to 1000" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------- the file by itself


class Linear:
    """A training of one line: so many epochs of one step each."""

    def __init__(self, checkpoints: Any, path: Path, **settings: Any) -> None:
        torch.manual_seed(0)
        self.model = torch.nn.Linear(2, settings.pop("width", 1))
        optimizer = torch.optim.Adam(self.model.parameters())
        self.losses: list[float] = []
        self.checkpoint = checkpoints.Checkpoint(
            path, settings, {"loss": self.losses}, model=self.model, optimizer=optimizer
        )
        self.optimizer = optimizer

    def train(self, epochs: int, resume: bool = False, every: int = 1) -> list[int]:
        done = []
        for epoch in self.checkpoint.epochs(epochs, resume=resume, every=every):
            loss = self.model(torch.randn(5, 2)).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())
            done.append(epoch)
        return done


@pytest.fixture
def checkpoints(modules: SimpleNamespace) -> Any:
    return modules.checkpoints


def test_resuming_without_a_checkpoint_starts_at_the_beginning(
    checkpoints: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Linear(checkpoints, tmp_path / "a.pt").train(2, resume=True) == [1, 2]
    assert "no checkpoint, so the training starts from the beginning" in capsys.readouterr().out
    assert Linear(checkpoints, tmp_path / "a.pt").train(4, resume=True) == [3, 4]
    assert Linear(checkpoints, tmp_path / "a.pt").train(4, resume=True) == []


def test_a_training_of_many_steps_saves_some_of_them(checkpoints: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    training = Linear(checkpoints, path)
    saved = []
    for step in training.checkpoint.epochs(7, resume=False, every=3):
        saved.append(torch.load(path, weights_only=True)["epoch"] if path.exists() else 0)
        training.losses.append(float(step))
    assert saved == [0, 0, 0, 3, 3, 3, 6] and torch.load(path, weights_only=True)["epoch"] == 7
    assert not (tmp_path / "a.previous.pt").exists()


def test_starting_anew_keeps_the_older_checkpoint(
    checkpoints: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Linear(checkpoints, tmp_path / "a.pt").train(3)
    old = (tmp_path / "a.pt").read_bytes()
    Linear(checkpoints, tmp_path / "a.pt").train(0)  # a dry run
    assert (tmp_path / "a.pt").read_bytes() == old
    Linear(checkpoints, tmp_path / "a.pt").train(1)
    assert (tmp_path / "a.previous.pt").read_bytes() == old and "--resume would have" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"lr": 0.1}, {"lr": 0.2}, "it was made with lr = 0.1, and this run has lr = 0.2"),
        ({}, {"seed": 1}, "it was made with seed = None, and this run has seed = 1"),
        ({"width": 1}, {"width": 2}, "its model does not fit yours"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_in_one_line(
    checkpoints: Any, tmp_path: Path, before: dict[str, Any], now: dict[str, Any], words: str
) -> None:
    Linear(checkpoints, tmp_path / "a.pt", **before).train(1)
    with pytest.raises(SystemExit) as left:
        Linear(checkpoints, tmp_path / "a.pt", **now).train(2, resume=True)
    message = str(left.value)
    assert words in message and message.startswith(str(tmp_path / "a.pt")) and "without --resume" in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"no checkpoint", "half", "weights alone", "more than data"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(
    checkpoints: Any, tmp_path: Path, content: bytes | str
) -> None:
    path = tmp_path / "a.pt"
    Linear(checkpoints, path).train(1)
    if content == "half":
        content = path.read_bytes()[: path.stat().st_size // 2]
    if content == "weights alone":
        torch.save(torch.nn.Linear(2, 1).state_dict(), path)
    elif content == "more than data":
        torch.save({"settings": Path("code that would run")}, path)
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"a\.pt: it cannot be read as a checkpoint"):
        Linear(checkpoints, path).train(2, resume=True)


def test_every_generator_of_random_numbers_goes_on(checkpoints: Any, tmp_path: Path) -> None:
    def draws() -> list[float]:
        return [random.random(), random.gauss(0, 1), float(np.random.rand()), float(torch.rand(()))]

    draws()
    Linear(checkpoints, tmp_path / "a.pt").train(1)
    expected = draws()
    draws()
    Linear(checkpoints, tmp_path / "a.pt").train(1, resume=True)
    assert draws() == expected


def test_an_interruption_while_writing_leaves_the_old_file(
    checkpoints: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pt"
    training = Linear(checkpoints, path)
    training.train(1)
    before = path.read_bytes()

    class Broken:
        def state_dict(self) -> dict[str, Any]:
            return {"a": torch.zeros(10), "b": lambda: None}  # cannot be saved: ends in the middle of the file

    training.checkpoint.parts["model"] = Broken()
    with pytest.raises(Exception, match="pickle"):
        training.checkpoint.save(2)
    assert path.read_bytes() == before
