"""A secret order of pixels, and of negatives among them: data that no weights of before the grading can know.

Grey pictures in [0, 1] stay there. Distances and cross entropies stay, so every method that does not look at
neighbours (mean picture, distances, fully connected networks) does exactly as well as before. What a convolution can
undo depends on how the disguise is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PixelTransform:
    """Pixel k of a picture in disguise, counted row by row, is pixel ``order[k]``, as in a negative or not."""

    order: Tensor
    negative: Tensor

    def put_on(self, images: Tensor) -> Tensor:
        """Return images ``(n, 1, size, size)`` or ``(n, size^2)`` in disguise."""
        moved = images.flatten(1)[:, self.order]
        return torch.where(self.negative, 1 - moved, moved).reshape(images.shape)

    def take_off(self, images: Tensor) -> Tensor:
        """Return disguised images as they were."""
        flat = images.flatten(1)
        return torch.where(self.negative, 1 - flat, flat)[:, self.order.argsort()].reshape(images.shape)


def tiling(generator: torch.Generator, *, size: int, tile: int) -> PixelTransform:
    """Return a disguise in which square tiles change places, uniform over all orders.

    Convolutions still find strokes inside a tile. Raises `ValueError` for a rest.
    """
    if size % tile:
        raise ValueError(f"pictures of {size} x {size} cannot be cut into tiles of {tile} x {tile}")
    rows = size // tile
    pixels = torch.arange(size**2).reshape(rows, tile, rows, tile).transpose(1, 2).flatten(0, 1)
    order = pixels[torch.randperm(rows**2, generator=generator)].reshape(rows, rows, tile, tile).transpose(1, 2)
    return PixelTransform(order.flatten(), torch.zeros(size**2, dtype=torch.bool))


def turned_negatives(generator: torch.Generator, *, size: int, block: int) -> PixelTransform:
    """Return a disguise in which pictures are turned, mirrored or not, and negatives in random square blocks.

    Neighbours stay neighbours; blocks should fit the strides of convolutions.
    """
    quarters, mirrored = (int(torch.randint(n, (), generator=generator)) for n in (4, 2))
    squares = torch.rand(size // block, size // block, generator=generator) < 0.5
    turned = torch.rot90(torch.arange(size**2).reshape(size, size), quarters)
    order = turned.flip(1) if mirrored else turned
    return PixelTransform(order.flatten(), squares.repeat_interleave(block, 0).repeat_interleave(block, 1).flatten())


def shuffled_negatives(generator: torch.Generator, *, size: int) -> PixelTransform:
    """Return a disguise in which all pixels change places, and each is as in a negative or not.

    A network whose first and last layers are full learns it like any other; a convolution finds nothing.
    """
    order = torch.randperm(size**2, generator=generator)
    return PixelTransform(order, torch.rand(size**2, generator=generator) < 0.5)
