"""Small real images for training: the handwritten digits that come with scikit-learn, grey or coloured, in three sizes.

1,797 pictures of 8x8 grey values, scanned from forms that 43 people filled in (Alpaydin and Kaynak 1998). They are
drawn larger by bilinear interpolation. Nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CLASSES = 10
EVERY_FIFTH = 5
"""One picture in five is held out."""
MIN_CONTRAST = 0.9
"""Euclidean distance of the colours of ink and paper, in a cube of side 2."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images ``(n, channels, size, size)`` in [-1, 1], float32, and what they show, ``(n,)`` int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)


def digits(size: int = 28, *, held_out: bool = False) -> LabelledImages:
    """Return the grey digits for training (1,437 of them) or the held-out ones (360), ``(n, 1, size, size)``."""
    pixels, labels = _scans()
    chosen = (torch.arange(len(labels)) % EVERY_FIFTH == 0) == held_out
    ink = F.interpolate(pixels[chosen], size=(size, size), mode="bilinear", align_corners=False)
    return LabelledImages(2 * ink - 1, labels[chosen])


def coloured_digits(size: int = 32, *, held_out: bool = False, generator: torch.Generator) -> LabelledImages:
    """Return the digits with a random colour of ink and one of paper for each picture, ``(n, 3, size, size)``."""
    grey = digits(size, held_out=held_out)
    ink = (grey.images + 1) / 2
    paper_colour, ink_colour = (colour[:, :, None, None] for colour in _colours(len(grey), generator))
    return LabelledImages(paper_colour + (ink_colour - paper_colour) * ink, grey.labels)


def _colours(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two colours for each picture, ``(count, 3)`` each, far enough apart to be told from each other."""
    first, second = (2 * torch.rand(2, count, 3, generator=generator) - 1).unbind()
    while bool((near := (first - second).norm(dim=1) < MIN_CONTRAST).any()):
        second[near] = 2 * torch.rand(int(near.sum()), 3, generator=generator) - 1
    return first, second


@cache
def _scans() -> tuple[Tensor, Tensor]:
    """The digits as they come: ink in [0, 1], ``(1797, 1, 8, 8)``, and labels."""
    table = _table()
    pixels = torch.from_numpy(table[:, :-1].astype(np.float32)) / 16
    return pixels.reshape(-1, 1, 8, 8), torch.from_numpy(table[:, -1].astype(np.int64))


def _table() -> np.ndarray:
    """The rows of scikit-learn's file. Importing the package takes seconds, reading its file does not."""
    spec = find_spec("sklearn")
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if file is not None and file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    found = load_digits()
    return np.column_stack([found.data, found.target])
