"""Trainings of `mit6s978_ps1`'s notebook that were interrupted end as those that were not, number by number."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from autograder.sandbox.jailed.scripts import definitions_of

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "solutions" / "mit6s978_ps1" / "pset1.py").read_text(encoding="utf-8")


@pytest.fixture
def pset1() -> types.ModuleType:
    """The definitions of the reference; a module of its own for each test, because tests set its RESUME."""
    module = types.ModuleType("pset1")
    exec(compile(ast.parse(definitions_of(SOURCE, frozenset())), "pset1.py", "exec"), module.__dict__)
    return module


def trained(
    pset1: types.ModuleType, path: Path | None, *, epochs: int = 4, lr: float = 1e-3, batches: int | None = None
) -> tuple[Any, list[float], Tensor]:
    """A VAE trained on little, its losses, and random numbers drawn afterwards; ends in the middle after `batches`."""
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.rand(10, 20)), batch_size=4, shuffle=True)
    model, seen = pset1.VAE(20, [16, 8, 4]), 0

    def loss(model: Any, x: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        if batches is not None and seen > batches:
            raise KeyboardInterrupt
        return pset1.loss_func(model, x, pset1.loss_SGVB)

    losses = pset1.train(model, loader, loss, epochs=epochs, lr=lr, checkpoint=path)
    return model, losses, torch.rand(3)


def same(one: tuple[Any, list[float], Tensor], other: tuple[Any, list[float], Tensor]) -> bool:
    weights = [model.state_dict() for model, _, _ in (one, other)]
    return (
        all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        and one[1] == other[1]
        and torch.equal(one[2], other[2])
    )


@pytest.mark.parametrize("batches", [3 + 1, 2 * 3, 2 * 3 + 2])
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    pset1: types.ModuleType, tmp_path: Path, batches: int, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = trained(pset1, None)
    assert capsys.readouterr().out.count("epoch ") == 4
    with pytest.raises(KeyboardInterrupt):
        trained(pset1, tmp_path / "deep" / "vae.pt", batches=batches)
    capsys.readouterr()
    pset1.RESUME = True
    assert same(trained(pset1, tmp_path / "deep" / "vae.pt"), whole)
    said = capsys.readouterr().out
    assert f"going on after epoch {batches // 3}" in said and "epoch 1: loss" not in said and "epoch 4: loss" in said


def test_a_finished_training_is_loaded_and_leaves_the_same_random_numbers(
    pset1: types.ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = trained(pset1, tmp_path / "vae.pt")
    capsys.readouterr()
    pset1.RESUME = True
    assert same(trained(pset1, tmp_path / "vae.pt"), whole)
    assert "loss" not in capsys.readouterr().out


def test_a_checkpoint_is_left_alone_unless_asked_for(pset1: types.ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "vae.pt"
    trained(pset1, path, epochs=2)
    before = path.read_bytes()
    assert same(trained(pset1, path), trained(pset1, None))
    assert (tmp_path / "vae.previous.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda pset1: {"lr": 1e-4}, r"vae.pt was made with .*0.001.*, not .*0.0001"),
        (lambda pset1: setattr(pset1, "VAE", wider(pset1.VAE)) or {}, "vae.pt: its model does not fit yours, so train"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    pset1: types.ModuleType, tmp_path: Path, change: Callable[[types.ModuleType], dict[str, Any]], told: str
) -> None:
    trained(pset1, tmp_path / "vae.pt", epochs=1)
    pset1.RESUME = True
    more = change(pset1)
    with pytest.raises(ValueError, match=told):
        trained(pset1, tmp_path / "vae.pt", **more)


def wider(vae: Any) -> Callable[[int, list[int]], Any]:
    return lambda input_dim, widths: vae(input_dim, [32, *widths[1:]])


def test_without_a_checkpoint_it_starts_from_the_beginning(
    pset1: types.ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = trained(pset1, None)
    pset1.RESUME = True
    assert same(trained(pset1, tmp_path / "vae.pt"), whole)
    assert "no checkpoint, so the training starts from the beginning" in capsys.readouterr().out
