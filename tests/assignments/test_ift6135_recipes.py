"""The recipes of `ift6135_a3` as people run them: on files of the real formats, on small digits, without any data."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PROVIDED = ROOT / "assignments" / "ift6135_a3" / "provided"
REFERENCE = ROOT / "solutions" / "ift6135_a3"
NAMES = [path.stem for folder in (PROVIDED, REFERENCE) for path in sorted(folder.glob("*.py"))]
NOWHERE = "http://127.0.0.1:9"  # the port of `discard`, where nobody listens

VAE_FIGURES = {"wall_clock", "loss", "samples_001", "reconstructions_001", "interpolation", "latent_profile"}
DDPM_FIGURES = {"wall_clock", "loss", "samples_001", "chains_001", "reconstructions", "breakdown"}
SIMSIAM_FIGURES = {"views", "stop_gradient", "predictor", "width"}
TINY = {
    "vae": ["--z-dim", "4"],
    "ddpm": ["--dim", "8", "--image-size", "8", "--samples", "3", "--levels", "5", "20"],
    "simsiam": ["--width", "2", "--dim", "8", "--pred-dim", "4"],
}
ONE = ["--epochs", "1", "--batches", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    """Reference and provided files, imported under the names that students use and forgotten afterwards."""
    before = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path[:0] = [str(PROVIDED), str(REFERENCE)]
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        del sys.path[:2]
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(before)
        torch.set_num_threads(threads)


def _figures(folder: Path) -> set[str]:
    """Names of the pictures in the folder, all of them whole and large enough to print."""
    for path in folder.glob("*.png"):
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82"), path
        assert int.from_bytes(data[16:20]) >= 400, f"{path} is too narrow for a report"
    return {path.stem for path in folder.glob("*.png")}


# ---------------------------------------------------------------------------------------------- files of real formats


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _write_svhn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two MATLAB files as those of SVHN, in which 10 stands for the digit 0; torchvision is told their md5 sums."""
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    root.mkdir(exist_ok=True)
    splits = {}
    for split, count in (("train", 64), ("test", 40)):
        path = root / f"{split}_32x32.mat"
        pixels = np.random.default_rng(count).integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        savemat(path, {"X": pixels, "y": (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]})
        splits[split] = [f"{NOWHERE}/{path.name}", path.name, _md5(path)]
    monkeypatch.setattr(SVHN, "split_list", splits)


def _write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickled batches as those of CIFAR10: rows of 3,072 bytes, and names of classes; torchvision gets their sums."""
    from torchvision.datasets import CIFAR10

    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)

    def write(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        return [name, _md5(folder / name)]

    def batch(seed: int) -> dict[str, object]:
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": [n % 10 for n in range(12)], "batch_label": f"batch {seed}"}

    monkeypatch.setattr(CIFAR10, "train_list", [write(f"data_batch_{n}", batch(n)) for n in (1, 2)])
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch(3))])
    name, md5 = write("batches.meta", {"label_names": [f"class {n}" for n in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    monkeypatch.setattr(CIFAR10, "url", f"{NOWHERE}/cifar.tar.gz")


@pytest.mark.thorough
def test_the_vae_trains_on_files_of_svhn(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_svhn(tmp_path / "svhn", monkeypatch)
    train, _ = modules.data.svhn_loaders(str(tmp_path / "svhn"), batch_size=64, workers=0)
    assert next(iter(train))[1].bincount().tolist() == [6, 7, 7, 7, 7, 6, 6, 6, 6, 6]  # 10 was read as 0
    arguments = ["--data", str(tmp_path / "svhn"), "--batch-size", "32", "--out", str(tmp_path)]
    modules.vae_solution.main([*TINY["vae"], *ONE, *arguments])
    assert _figures(tmp_path / "vae") == VAE_FIGURES
    assert "epoch 1: nll" in capsys.readouterr().out


@pytest.mark.thorough
def test_the_ddpm_trains_on_files_of_svhn(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_svhn(tmp_path / "svhn", monkeypatch)
    arguments = ["--data", str(tmp_path / "svhn"), "--batch-size", "8", "--out", str(tmp_path)]
    modules.ddpm_solution.main([*TINY["ddpm"], *ONE, *arguments])
    assert _figures(tmp_path / "ddpm") == DDPM_FIGURES


def test_simsiam_trains_on_files_of_cifar10(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_cifar(tmp_path / "cifar", monkeypatch)
    arguments = ["--data", str(tmp_path / "cifar"), "--batch-size", "12", "--out", str(tmp_path)]
    modules.q3_solution.main([*TINY["simsiam"], *ONE, *arguments])
    assert _figures(tmp_path / "simsiam") == {"views", "stop_gradient"}


# --------------------------------------------------------------------------------------------------- without the data


@pytest.mark.parametrize("name", ["vae", "ddpm", "q3"])
def test_without_data_and_network_there_is_one_line_that_helps(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from torchvision.datasets import CIFAR10, SVHN

    monkeypatch.setattr(SVHN, "split_list", {"train": [f"{NOWHERE}/train.mat", "train.mat", "0" * 32]})
    monkeypatch.setattr(CIFAR10, "url", f"{NOWHERE}/cifar.tar.gz")
    with pytest.raises(SystemExit) as left:
        getattr(modules, f"{name}_solution").main(["--data", str(tmp_path / "none"), "--out", str(tmp_path)])
    message = str(left.value)
    assert "CIFAR10" in message if name == "q3" else "SVHN" in message
    assert "--small" in message and str(tmp_path / "none") in message and "\n" not in message


def test_a_damaged_file_is_not_taken_for_the_data(
    modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_svhn(tmp_path, monkeypatch)
    with (tmp_path / "test_32x32.mat").open("ab") as file:
        file.write(b"more")
    with pytest.raises(SystemExit, match=r"SVHN: not found in .*--small"):
        modules.data.svhn_loaders(str(tmp_path), workers=0)


# ------------------------------------------------------------------------------------------------------ small digits


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "key", "figures"),
    [("vae", "vae", VAE_FIGURES), ("ddpm", "ddpm", DDPM_FIGURES), ("q3", "simsiam", SIMSIAM_FIGURES)],
)
def test_small_recipes_leave_all_figures_of_the_report(
    modules: SimpleNamespace, tmp_path: Path, name: str, key: str, figures: set[str]
) -> None:
    runs = ["with", "without", "identity", "fixed", "wide"] if name == "q3" else []
    getattr(modules, f"{name}_solution").main([*runs, "--small", *TINY[key], *ONE, "--out", str(tmp_path)])
    assert _figures(tmp_path / "small" / key) == figures
    handout = (PROVIDED.parent / "handout.md").read_text(encoding="utf-8")
    for figure in figures - {"loss"}:
        assert f"`{key}/{figure.replace('_001', '_EEE')}.png`" in handout, f"the handout has no word about {figure}"


@pytest.mark.thorough
def test_samples_come_after_every_fifth_epoch_and_after_the_last(modules: SimpleNamespace, tmp_path: Path) -> None:
    modules.vae_solution.main(["--small", "--epochs", "6", "--batches", "1", "--out", str(tmp_path)])
    for kind in ("samples", "reconstructions"):
        assert {int(path.stem[-3:]) for path in (tmp_path / "small" / "vae").glob(f"{kind}_*")} == {5, 6}


@pytest.mark.thorough
def test_the_command_runs_in_a_folder_of_its_own(tmp_path: Path) -> None:
    for source in (*PROVIDED.glob("*.py"), *REFERENCE.glob("*.py")):
        shutil.copy(source, tmp_path)
    command = [sys.executable, "vae_solution.py", "--small", *TINY["vae"], *ONE]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert _figures(tmp_path / "results" / "small" / "vae") == VAE_FIGURES


def test_options_of_small_runs_give_way_to_what_is_typed(modules: SimpleNamespace) -> None:
    full, small = {"epochs": 30, "lr": 1e-4, "levels": [1, 2]}, {"epochs": 3, "lr": 1e-3}

    def read(*arguments: str) -> SimpleNamespace:
        return modules.recipes.read_options(modules.recipes.options_parser("", full, small), small, arguments)

    assert (read().epochs, read().lr, read().levels, read().out) == (30, 1e-4, [1, 2], Path("results"))
    assert (read("--small").epochs, read("--small").lr) == (3, 1e-3)
    assert read("--small", "--epochs", "7").epochs == 7
    assert read("--levels", "5", "6", "7").levels == [5, 6, 7]


def test_wrong_options_end_in_one_line(modules: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        modules.q3_solution.main(["withuot"])
    assert "no run 'withuot'; choose from with, without" in capsys.readouterr().err
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit, match="--device cuda: torch finds no GPU here; take --device cpu"):
            modules.recipes.pick_device("cuda")


def test_digits_for_testing_are_other_digits(modules: SimpleNamespace) -> None:
    (train, train_labels), (test, test_labels) = (modules.data._digits(8, held_out=held) for held in (False, True))
    assert len(train) + len(test) == 1797 and len(test) == 360
    assert {digit.numpy().tobytes() for digit in train}.isdisjoint(digit.numpy().tobytes() for digit in test)
    assert train_labels.bincount(minlength=10).min() > 100 and test_labels.bincount(minlength=10).min() > 20


def test_tinted_digits_are_colour_pictures_in_the_right_range(modules: SimpleNamespace) -> None:
    torch.manual_seed(0)
    train, test = modules.data.digit_loaders(batch_size=32, image_size=16)
    images, labels = next(iter(test))
    assert images.shape == (32, 3, 16, 16) and images.dtype == torch.float32 and labels.dtype == torch.int64
    assert images.abs().max() <= 1 and len(train) == 2 * 1437 // 32
    assert (images[:, 0] - images[:, 1]).abs().mean() > 0.1  # not grey
    span = images.flatten(2).max(dim=2).values - images.flatten(2).min(dim=2).values  # (32, 3)
    assert span.max(dim=1).values.min() > 0.5  # every digit can be seen


def test_views_of_a_digit_are_moved_and_noisy(modules: SimpleNamespace) -> None:
    (x1, x2), labels = next(iter(modules.data.digit_pairs(batch_size=64)))
    assert x1.shape == x2.shape == (64, 3, 16, 16) and labels.shape == (64,)
    assert max(x1.abs().max(), x2.abs().max()) <= 1 and not torch.equal(x1, x2)
    stroke = torch.zeros(4000, 1, 5, 5)
    stroke[:, :, :, 2] = 1.0
    places = modules.data.digit_view(stroke).mean(dim=(1, 2)).argmax(dim=1).bincount(minlength=5)  # (columns,)
    assert places[1:4].min() > 0.8 * 4000 / 3 and places.sum() == 4000


def test_faithfulness_tells_kept_from_lost_pictures(modules: SimpleNamespace) -> None:
    pictures = torch.randn(6, 3, 4, 4)
    own, others, kept = modules.ddpm_solution.faithfulness(pictures, pictures + 0.01)
    assert own == pytest.approx(1e-4, rel=0.1) and others > 1 and kept == 1.0
    own, _, kept = modules.ddpm_solution.faithfulness(pictures, pictures.roll(1, dims=0))
    assert own > 1 and kept == 0.0


# -------------------------------------------------------------------------------------------- real runs, in minutes


def _run(module: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    module.main(arguments)
    return capsys.readouterr().out


@pytest.mark.slow
def test_small_runs_learn(modules: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--small", "--out", str(tmp_path)]
    nll = [float(x) for x in re.findall(r"nll ([\d.]+)", _run(modules.vae_solution, out, capsys))]
    constant = 0.5 * 3072 * np.log(2 * np.pi)  # of a perfect reconstruction
    assert nll[-1] - constant < 0.25 * (nll[0] - constant)
    loss = [float(x) for x in re.findall(r"loss ([\d.]+)", _run(modules.ddpm_solution, out, capsys))]
    assert loss[-1] < 0.06  # 0.36 if nothing was learned
    text = _run(modules.q3_solution, out, capsys)
    last = {name: text.rindex(f"\n{name}, epoch") for name in ("with", "without")}
    knn, rank = ({n: float(re.search(rf"{key} ([\d.]+)", text[last[n] :])[1]) for n in last} for key in ("knn", "rank"))
    assert knn["with"] > knn["without"] + 0.2 and rank["with"] > 2 * rank["without"]
