"""Trainings of `nyu2271_a3` that were interrupted end as those that were not, number by number."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PROVIDED = ROOT / "assignments" / "nyu2271_a3" / "provided"
REFERENCE = ROOT / "solutions" / "nyu2271_a3"
NAMES = [path.stem for folder in (PROVIDED, REFERENCE) for path in sorted(folder.glob("*.py"))]
TINY = ["--image_size", "8", "--time_steps", "3", "--unet_dim", "4", "--unet_dim_mults", "1", "2", "--batch_size", "2"]
STEPS = ["--train_steps", "7", "--save_and_sample_every", "3", "--fid"]
TRAINING = [*TINY, *STEPS, "--dataloader_workers", "0", "--device", "cpu"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reference in the place of a student's files."""
    folder = tmp_path_factory.mktemp("desk")
    for source in (*PROVIDED.glob("*.py"), *REFERENCE.glob("*.py")):
        shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="module")
def modules(desk: Path) -> Iterator[SimpleNamespace]:
    """The files of that folder, imported under the names that students use and forgotten afterwards."""
    before = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path.insert(0, str(desk))
    try:
        found = SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
        found.cats.write_toy_afhq(desk / "toy", size=12, counts={"train": 5, "test": 2})
        yield found
    finally:
        sys.path.remove(str(desk))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(before)
        torch.set_num_threads(threads)


def command(modules: SimpleNamespace, desk: Path, out: str, *more: str) -> None:
    """Do what ``python main.py`` does, from the same seed."""
    torch.manual_seed(0)
    modules.main.main([*TRAINING, "--data_path", str(desk / "toy" / "train"), "--save_folder", str(desk / out), *more])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def state_of(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True)
    del state["random"]["python"], state["random"]["numpy"]  # nobody seeds these, and nothing here draws from them
    return state


SEEDED = """
import sys, torch
sys.path.insert(0, ".")
torch.manual_seed(0)
torch.set_num_threads(1)
import main
main.main(sys.argv[1:])
"""


@pytest.mark.thorough
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    modules: SimpleNamespace, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pass of five pictures has two batches, so the checkpoints after steps 3 and 6 fall into the middle of one."""
    command(modules, desk, "whole")
    assert capsys.readouterr().out.count("L1 loss") == 3
    options = [*TRAINING, "--data_path", "toy/train", "--save_folder", "killed"]
    with subprocess.Popen(
        [sys.executable, "-c", SEEDED, *options],
        cwd=desk,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert any("step 6 of 7" in line for line in run.stdout)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert state_of(desk / "killed" / "model.pt")["epoch"] in (3, 6)
    torch.manual_seed(1)
    command(modules, desk, "killed", "--resume")
    said = capsys.readouterr().out
    assert "going on after" in said and "step 3 of 7" not in said and "step 7 of 7" in said
    assert same(state_of(desk / "whole" / "model.pt"), state_of(desk / "killed" / "model.pt"))
    for name in ("history.json", "loss.png", "fid.png", "samples_00007.png"):
        assert (desk / "whole" / name).read_bytes() == (desk / "killed" / name).read_bytes(), name


def test_a_checkpoint_of_another_training_is_refused(modules: SimpleNamespace, desk: Path) -> None:
    command(modules, desk, "other")
    with pytest.raises(SystemExit, match=r"model\.pt: it was made with learning_rate = 0\.001, and .* 0\.01"):
        command(modules, desk, "other", "--resume", "--learning_rate", "0.01")
    with pytest.raises(SystemExit, match=r"model\.pt: its model does not fit yours"):
        command(modules, desk, "other", "--resume", "--unet_dim", "8")


def test_the_figures_are_drawn_from_the_checkpoint(modules: SimpleNamespace, desk: Path) -> None:
    command(modules, desk, "figures", "--train_steps", "1")
    command(modules, desk, "figures", "--visualize", "--load_path", str(desk / "figures" / "model.pt"))
    assert (desk / "figures" / "forward.png").is_file() and (desk / "figures" / "backward.png").is_file()


@pytest.mark.parametrize("cond", [False, True])
def test_the_trainings_of_part_a_go_on(
    modules: SimpleNamespace, tmp_path: Path, cond: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    helper, vae = modules.a3_helper, modules.vae
    data = torch.utils.data.TensorDataset(torch.rand(8, 1, 28, 28), torch.arange(8))

    def train(epochs: int, **more: Any) -> Any:
        torch.manual_seed(0)
        model = vae.CVAE(784) if cond else vae.VAE(784)
        loader = torch.utils.data.DataLoader(data, 4, shuffle=True)
        losses = helper.train_vae(model, loader, vae.loss_function, epochs=epochs, cond=cond, device="cpu", **more)
        return model.state_dict(), losses, torch.rand(2)

    whole, path = train(3), tmp_path / "results" / "vae.pt"
    train(2, checkpoint=path)
    capsys.readouterr()
    assert same(train(3, checkpoint=path, resume=True), whole)
    assert capsys.readouterr().out.count("average loss") == 1
    assert same(train(3, checkpoint=path, resume=True), whole)
    assert capsys.readouterr().out.count("average loss") == 0
