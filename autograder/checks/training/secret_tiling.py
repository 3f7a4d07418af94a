"""A secret order of the tiles of pictures: data that no weights of before the grading can know.

Every picture is cut into square tiles, which change places alike in all pictures. Values stay, so pictures in [0, 1]
stay there, and every method that does not look at neighbours (mean picture, distances, fully connected networks) does
exactly as well as before. Convolutions still find strokes inside a tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SecretTiling:
    """Tile k of a mosaic, ``(channels, tile, tile)``, is tile ``order[k]`` of the picture, counted row by row."""

    tile: int
    order: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator, *, tile: int, size: int) -> SecretTiling:
        """Return a random order, uniform over all, for pictures ``(size, size)``; raise `ValueError` for a rest."""
        if size % tile:
            raise ValueError(f"pictures of {size} x {size} cannot be cut into tiles of {tile} x {tile}")
        return cls(tile, torch.randperm((size // tile) ** 2, generator=generator))

    def put_on(self, images: Tensor) -> Tensor:
        """Return images ``(n, channels, size, size)`` as mosaics."""
        return self._moved(images, self.order)

    def take_off(self, images: Tensor) -> Tensor:
        """Return mosaics as the images that they were."""
        return self._moved(images, self.order.argsort())

    def _moved(self, images: Tensor, order: Tensor) -> Tensor:
        n, channels, size, _ = images.shape
        rows = size // self.tile
        cut = images.reshape(n, channels, rows, self.tile, rows, self.tile).permute(0, 2, 4, 1, 3, 5)
        tiles = cut.flatten(1, 2)[:, order].reshape(cut.shape)  # (n, rows, rows, channels, tile, tile)
        return tiles.permute(0, 3, 1, 4, 2, 5).reshape(images.shape)
