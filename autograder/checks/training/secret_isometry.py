"""A secret isometry of picture space: data that no weights of before the grading can know, and as hard as before.

Pictures are flipped and turned as a whole, the pixels of every square patch (all channels) are turned by one random
rotation, and a blurry random picture is added to all. Differences between pictures keep their lengths and angles, so
every method that only knows those (mean picture, principal components, Gaussians of full covariance, nearest
neighbours) does exactly as well as before.

What a network can undo depends on its layers. A patch of one pixel only mixes colours, which suits every convolution; a
larger one suits networks whose strides fit it; a patch as large as the picture suits those without any sense of place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GRID = 4
"""The added picture has so many independent spots in a row, of every colour."""


@dataclass(frozen=True, eq=False)
class SecretIsometry:
    """A symmetry of the square (quarter turns, then a reflection or not), a rotation of patches, a picture to add.

    ``rotation`` is ``(channels * patch^2, channels * patch^2)``, orthogonal; ``background`` has the shape of a picture,
    or is 0.
    """

    patch: int
    rotation: Tensor
    quarters: int
    mirrored: bool
    background: Tensor

    @classmethod
    def draw(
        cls, generator: torch.Generator, *, patch: int, size: int, channels: int = 3, background: float = 0.0
    ) -> SecretIsometry:
        """Return a random disguise of pictures ``(channels, size, size)``.

        The rotation is uniform over all rotations and reflections (Mezzadri 2007, section 5); ``background`` is the
        standard deviation of the spots of the added picture.
        """
        width = channels * patch**2
        q, r = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64))
        rotation = (q * r.diagonal().sign()).float()
        quarters, mirrored = (
            int(torch.randint(4, (), generator=generator)),
            bool(torch.rand((), generator=generator) < 0.5),
        )
        spots = background * torch.randn(1, channels, GRID, GRID, generator=generator)
        blurred = F.interpolate(spots, size=(size, size), mode="bilinear", align_corners=False)[0]
        return cls(patch, rotation, quarters, mirrored, blurred)

    def put_on(self, images: Tensor) -> Tensor:
        """Return images ``(n, channels, size, size)`` in disguise; the size must be a multiple of the patch."""
        turned = torch.rot90(images, self.quarters, (2, 3))
        return self._rotate(turned.flip(3) if self.mirrored else turned, self.rotation) + self.background

    def take_off(self, images: Tensor) -> Tensor:
        """Return disguised images as they were."""
        turned = self._rotate(images - self.background, self.rotation.T)
        return torch.rot90(turned.flip(3) if self.mirrored else turned, -self.quarters, (2, 3))

    def _rotate(self, images: Tensor, rotation: Tensor) -> Tensor:
        patches = F.pixel_unshuffle(images, self.patch)  # (n, channels * patch^2, size / patch, size / patch)
        return F.pixel_shuffle(torch.einsum("ij,njhw->nihw", rotation, patches), self.patch)
