"""Small pictures to learn from, in a disguise that only the grader knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from autograder.checks.training.digits import LabelledImages, coloured_digits, digits
from autograder.checks.training.pixel_transform import PixelTransform
from autograder.checks.training.secret_isometry import SecretIsometry


@dataclass(frozen=True, eq=False)
class Disguised:
    """Pictures for training and held-out ones, in disguise, and what takes it off."""

    train: LabelledImages
    test: LabelledImages
    isometry: SecretIsometry | PixelTransform


class Pictures(Protocol):
    """Where pictures come from."""

    def plain(self, generator: torch.Generator, *, held_out: bool = False) -> LabelledImages:
        """Return pictures as they are."""

    def draw(self, generator: torch.Generator) -> Disguised:
        """Return pictures in a disguise that is drawn."""

    def as_shown(self, images: Tensor) -> Tensor:
        """Return images without a disguise in [-1, 1], ``(n, channels, size, size)``."""


@dataclass(frozen=True)
class ColouredDigits:
    """Digits in random colours, ``(n, 3, size, size)`` in [-1, 1].

    In disguise they are turned, colours mixed, and a picture of spots is added, whose standard deviation is
    ``background``. That suits decoders which upsample and cannot place pixels.
    """

    size: int = 32
    background: float = 0.6

    def plain(self, generator: torch.Generator, *, held_out: bool = False) -> LabelledImages:
        """Return pictures as they are."""
        return coloured_digits(self.size, held_out=held_out, generator=generator)

    def draw(self, generator: torch.Generator) -> Disguised:
        """Return pictures in a disguise that is drawn."""
        isometry = SecretIsometry.draw(generator, patch=1, size=self.size, background=self.background)
        return _disguised(self, isometry, generator)

    def as_shown(self, images: Tensor) -> Tensor:
        """Return images as they are."""
        return images


@dataclass(frozen=True)
class Digits:
    """Grey digits in [0, 1], ``(n, 1, size, size)`` or flat; ``isometry`` draws one for a size."""

    isometry: Callable[..., PixelTransform]
    size: int = 28
    flat: bool = False

    def plain(self, generator: torch.Generator, *, held_out: bool = False) -> LabelledImages:
        """Return pictures as they are."""
        found = digits(self.size, held_out=held_out)
        images = (found.images + 1) / 2
        return LabelledImages(images.flatten(1) if self.flat else images, found.labels)

    def draw(self, generator: torch.Generator) -> Disguised:
        """Return pictures in a disguise that is drawn."""
        return _disguised(self, self.isometry(generator, size=self.size), generator)

    def as_shown(self, images: Tensor) -> Tensor:
        """Return images ``(n, 1, size, size)`` in [-1, 1]."""
        return 2 * images.reshape(-1, 1, self.size, self.size) - 1


def _disguised(pictures: Pictures, isometry: SecretIsometry | PixelTransform, generator: torch.Generator) -> Disguised:
    shown, held = (pictures.plain(generator, held_out=held_out) for held_out in (False, True))
    train, test = (LabelledImages(isometry.put_on(part.images), part.labels) for part in (shown, held))
    return Disguised(train, test, isometry)
