"""Data, pictures and distances for Part B. You get this file and hand in nothing of it."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SUFFIXES = (".png", ".jpg", ".jpeg")


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` means the GPU if there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


# ---------------------------------------------------------------------------------------------------------------- data


class Pictures(Dataset[Tensor]):
    """The pictures of one class of AFHQ, resized: float32 ``(3, image_size, image_size)`` with values in [-1, 1].

    `data_path` is a folder such as ``data/train``, which holds ``cat/``, ``dog/`` and ``wild/``. Raises
    FileNotFoundError where there are no pictures.
    """

    def __init__(self, data_path: Path | str, image_size: int, data_class: str = "cat") -> None:
        from torchvision import transforms

        folder = Path(data_path) / data_class
        self.paths = sorted(path for path in folder.glob("**/*") if path.suffix.lower() in SUFFIXES)
        if not self.paths:
            raise FileNotFoundError(
                f"no pictures in {folder}: unpack AFHQ so that {folder} holds .png or .jpg files, or draw some for a"
                " dry run: python cats.py data/toy, then data_path='data/toy/train'"
            )
        self.transform = transforms.Compose(
            [
                transforms.Resize(image_size),
                transforms.CenterCrop(image_size),
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        from PIL import Image

        with Image.open(self.paths[index]) as picture:
            return self.transform(picture.convert("RGB"))


class Batches:
    """Shuffled batches ``(batch_size, 3, S, S)`` without end; fewer pictures than that make smaller batches.

    Which picture comes when follows from torch's seed at the start. `state_dict` says where the batches are, so that a
    training that was interrupted goes on with the pictures that it would have seen.
    """

    def __init__(self, pictures: Dataset[Tensor], batch_size: int, workers: int = 0) -> None:
        self.pictures, self.workers = pictures, workers
        self.size = min(batch_size, len(pictures))  # type: ignore[arg-type]
        self.shuffling = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        self.state, self.taken, self.left = self.shuffling.get_state(), 0, iter(())

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Tensor:
        images = next(self.left, None)
        if images is None:
            self._start_pass(taken=0)
            images = next(self.left)
        self.taken += 1
        return images

    def _start_pass(self, taken: int) -> None:
        """Shuffle all pictures, and leave out the batches that were taken of this order before."""
        self.state, self.taken = self.shuffling.get_state(), taken
        order = torch.randperm(len(self.pictures), generator=self.shuffling)  # type: ignore[arg-type]
        batches = [batch.tolist() for batch in order.split(self.size) if len(batch) == self.size]
        # A generator of its own: the loader draws from it, and leaves torch's random numbers to the training.
        self.left = iter(
            DataLoader(
                self.pictures, batch_sampler=batches[taken:], num_workers=self.workers, generator=torch.Generator()
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the shuffling when this pass began, and how many batches of it were taken."""
        return {"shuffling": self.state, "taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was asked."""
        self.shuffling.set_state(state["shuffling"])
        self._start_pass(state["taken"])


# ------------------------------------------------------------------------------------------------------------ pictures


def save_grid(images: Tensor, path: Path, columns: int = 8, titles: Sequence[str] = (), title: str = "") -> None:
    """Save ``(n, 3, H, W)`` with values in [0, 1] as one picture, `columns` to a row; `titles` name the columns."""
    from matplotlib.figure import Figure

    pixels = images.detach().float().cpu().clamp(0, 1).permute(0, 2, 3, 1)  # (n, H, W, 3)
    rows = -(-len(pixels) // columns)
    figure = Figure(figsize=(1.2 * columns, 1.2 * rows + 0.5), layout="constrained")
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flatten()):
        axes.set_axis_off()
        if number < len(pixels):
            axes.imshow(pixels[number].numpy())
        if number < len(titles):
            axes.set_title(titles[number], fontsize=8)
    figure.suptitle(title)
    figure.savefig(path, dpi=100)


def save_curve(points: Sequence[tuple[int, float]], path: Path, ylabel: str) -> None:
    """Plot (step, value) pairs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([step for step, _ in points], [value for _, value in points], marker="." if len(points) < 50 else "")
    axes.set_xlabel("training step")
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


# ----------------------------------------------------------------------------------------------------------- distances


def frechet_distance(mean_1: Tensor, covariance_1: Tensor, mean_2: Tensor, covariance_2: Tensor) -> float:
    """Squared Frechet distance of two Gaussians, means ``(d,)`` and covariances ``(d, d)``, in float64.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), Dowson and Landau 1982; used by Heusel et al. 2017 for FID.
    """
    m1, c1, m2, c2 = (part.detach().double().cpu() for part in (mean_1, covariance_1, mean_2, covariance_2))
    values, vectors = torch.linalg.eigh(c1)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ c2 @ root).clamp_min(0).sqrt().sum()
    return float((m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * mixed)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(d,)`` and covariance ``(d, d)`` of features ``(n, d)``."""
    return features.double().mean(0), torch.cov(features.double().T)


class LocalFeatures(nn.Module):
    """A small convolutional network with fixed random weights: images in [0, 1] to ``(n, 48)``.

    It needs no download and tells noise from pictures, but it has never seen a picture: distances between its features
    compare runs of one machine with each other, and nothing else.
    """

    def __init__(self) -> None:
        super().__init__()
        generator, widths, layers = torch.Generator().manual_seed(0), (3, 16, 32, 48), []
        for before, after in itertools.pairwise(widths):
            layer = nn.Conv2d(before, after, 3, stride=2, padding=1)
            with torch.no_grad():
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) / math.sqrt(9 * before / 2))
                layer.bias.copy_(0.1 * torch.randn(after, generator=generator))
            layers += [layer, nn.LeakyReLU(0.1)]
        self.network = nn.Sequential(*layers).requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images * 2 - 1).mean((2, 3))


@dataclass(frozen=True)
class Distance:
    """A Frechet distance and what it was measured with."""

    value: float
    label: str


def fid(real: Tensor, generated: Tensor) -> Distance:
    """Frechet distance between two sets of images ``(n, 3, S, S)`` in [0, 1].

    With the clean-fid package and its Inception weights it is the FID; where either cannot be had, local features take
    their place, and the label says so. It also says how many images there were: few of them make the distance larger.
    """
    found = _clean_fid(real, generated)
    if found is not None:
        return Distance(found, f"FID (clean-fid, {len(generated)} images)")
    features = LocalFeatures()
    value = frechet_distance(*moments(features(real.cpu())), *moments(features(generated.cpu())))
    return Distance(value, f"Frechet distance of local features, {len(generated)} images (NOT comparable with any FID)")


def _clean_fid(real: Tensor, generated: Tensor) -> float | None:
    if importlib.util.find_spec("cleanfid") is None:
        return None
    from torchvision.utils import save_image

    try:
        package = importlib.import_module("cleanfid.fid")
        with tempfile.TemporaryDirectory() as folder:
            for name, images in (("real", real), ("generated", generated)):
                (Path(folder) / name).mkdir()
                for number, image in enumerate(images):
                    save_image(image, Path(folder) / name / f"{number:05d}.png")
            return float(package.compute_fid(f"{folder}/real", f"{folder}/generated", num_workers=0, verbose=False))
    except Exception as error:  # whatever keeps the weights away: no network, no space, another version
        print(f"clean-fid cannot be used ({type(error).__name__}: {error})")
        return None
