"""Trainings in notebooks that are interrupted and resumed end as those that nobody interrupted, number by number."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from autograder.assignment import load_assignment
from autograder.references import reference_code
from autograder.submission.definitions import definitions

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = {"mit67960_hw5": "hw5.ipynb", "csci1051_ps3": "ps3.ipynb"}
HELPER = re.compile(r'^def resumable\(.*?^    return state\["epoch"\]$', re.MULTILINE | re.DOTALL)


class Interrupting:
    """`torch.nn.functional` until a loss is asked for the n-th time: then somebody presses the stop button."""

    LOSSES = ("mse_loss", "binary_cross_entropy")

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __getattr__(self, name: str) -> Any:
        function = getattr(torch.nn.functional, name)
        return self._counted(function) if name in self.LOSSES else function

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return counted


def session(slug: str, **settings: Any) -> dict[str, Any]:
    """The definitions of a notebook in a kernel that has just been started."""
    code = reference_code(load_assignment(ROOT, slug), NOTEBOOKS[slug])
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(definitions(code, ast.parse(code)).source, names)
    assert names.keys() >= settings.keys()
    names.update(settings)
    return names


IMAGES = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(3))


def train_vae_of_hw5(names: dict[str, Any], checkpoint: str) -> tuple[Any, ...]:
    names["device"] = torch.device("cpu")
    model = names["VAE"](z_dims=2)
    return names["train_vae"](model, IMAGES, 4, batch_size=32, checkpoint=checkpoint), model


def train_unet_of_hw5(names: dict[str, Any], checkpoint: str) -> tuple[Any, ...]:
    names["device"] = torch.device("cpu")
    model = names["Unet"](width=4)
    return names["train_diffusion"](model, IMAGES[:16], 4, batch_size=8, checkpoint=checkpoint), model


def train_autoencoder(names: dict[str, Any], checkpoint: str) -> tuple[Any, ...]:
    encoder, decoder, losses = names["train_autoencoder"](IMAGES, 22, checkpoint=checkpoint)
    return losses, encoder, decoder


def train_vae(names: dict[str, Any], checkpoint: str) -> tuple[Any, ...]:
    encoder, decoder, losses = names["train_vae"](IMAGES, 22, checkpoint=checkpoint)
    return losses, encoder, decoder


def train_points(names: dict[str, Any], checkpoint: str) -> tuple[Any, ...]:
    model, losses = names["train_diffusion"](names["sample_points"], 1100, checkpoint=checkpoint)
    return losses, model


TRAININGS = [
    ("mit67960_hw5", train_vae_of_hw5, 6, 3),
    ("mit67960_hw5", train_unet_of_hw5, 6, 3),
    ("csci1051_ps3", train_autoencoder, 15, 10),
    ("csci1051_ps3", train_vae, 15, 10),
    ("csci1051_ps3", train_points, 1050, 1000),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("slug", "train", "calls", "kept"), TRAININGS, ids=[row[1].__name__ for row in TRAININGS])
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    slug: str,
    train: Callable[[dict[str, Any], str], tuple[Any, ...]],
    calls: int,
    kept: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    whole = train(session(slug), "results/whole.pt")
    assert "epoch " in capsys.readouterr().out  # a line now and then
    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(session(slug, F=Interrupting(calls)), "results/part.pt")
    assert torch.load("results/part.pt", weights_only=True)["epoch"] == kept
    torch.manual_seed(1)
    part = train(session(slug, RESUME=True), "results/part.pt")
    assert f"going on after epoch {kept}" in capsys.readouterr().out
    assert part[0] == whole[0]
    for one, other in zip(whole[1:], part[1:], strict=True):
        states = one.state_dict(), other.state_dict()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    again = train(session(slug, RESUME=True), "results/part.pt")  # a finished training is loaded
    assert again[0] == whole[0]


def test_what_does_not_fit_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = session("mit67960_hw5", device=torch.device("cpu"))
    names["train_vae"](names["VAE"](), IMAGES[:8], 1, checkpoint="a.pt")
    names["RESUME"] = True
    with pytest.raises(ValueError, match=r"a\.pt was made with .*'images': 8.* not .*'images': 9.*RESUME = False"):
        names["train_vae"](names["VAE"](), IMAGES[:9], 2, checkpoint="a.pt")
    with pytest.raises(ValueError, match=r"a\.pt: its model does not fit yours, so train anew"):
        names["train_vae"](names["VAE"](z_dims=3), IMAGES[:8], 2, checkpoint="a.pt")
    names["train_vae"](names["VAE"](), IMAGES[:8], 1, checkpoint="none.pt")
    assert Path("none.pt").is_file()


def test_the_grader_never_writes_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What students leave in `RESUME` does not matter where no path is given."""
    monkeypatch.chdir(tmp_path)
    names = session("csci1051_ps3", RESUME=True)
    first = names["train_diffusion"](names["sample_points"], 2)[1]
    second = names["train_diffusion"](names["sample_points"], 2)[1]
    assert len(first) == len(second) == 2 and first != second and not list(tmp_path.iterdir())


def test_notebooks_share_one_helper() -> None:
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("solutions/*/*.py")]
    helpers = [text for text in texts if "def resumable(" in text]
    assert len(helpers) >= 2 and len({HELPER.findall(text)[0] for text in helpers}) == 1
