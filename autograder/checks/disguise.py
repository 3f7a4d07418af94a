"""A secret isometry of picture space: data that no weights of before the grading can know, and as hard as before.

A picture is cut into square patches, the pixels of every patch (all channels) are turned by one random rotation, and
the patches go back to their places. Distances stay what they are, so every method that only knows distances (mean
picture, principal components, Gaussians of full covariance, nearest neighbours) does exactly as well as before; a
network whose strides fit the patches learns the rotation with its first and last layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Disguise:
    """Turns the pixels of every patch by ``rotation``, ``(channels * patch^2, channels * patch^2)``, orthogonal."""

    patch: int
    rotation: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator, *, patch: int, channels: int = 3) -> Disguise:
        """Return a random disguise, uniform over all rotations and reflections (Mezzadri 2007, section 5)."""
        width = channels * patch**2
        q, r = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64))
        return cls(patch, (q * r.diagonal().sign()).float())

    def put_on(self, images: Tensor) -> Tensor:
        """Return images ``(n, channels, height, width)`` in disguise; sides must be multiples of the patch."""
        return self._turn(images, self.rotation)

    def take_off(self, images: Tensor) -> Tensor:
        """Return disguised images as they were."""
        return self._turn(images, self.rotation.T)

    def _turn(self, images: Tensor, rotation: Tensor) -> Tensor:
        patches = F.pixel_unshuffle(images, self.patch)  # (n, channels * patch^2, height / patch, width / patch)
        return F.pixel_shuffle(torch.einsum("ij,njhw->nihw", rotation, patches), self.patch)
