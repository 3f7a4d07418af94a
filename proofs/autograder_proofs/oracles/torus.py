"""Truths about a torus in space, and distances between clouds of points, in float64. Points are (n, 3).

The torus lies around the third axis: a circle of radius ``minor`` (r) around each point of one of radius ``major`` (R).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Torus:
    """A torus with 0 < minor < major."""

    major: float = 1.0
    minor: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.minor < self.major:
            raise ValueError("a torus needs 0 < minor < major")

    def points(self, around: Tensor, tube: Tensor) -> Tensor:
        """The points at two angles (n,): around the axis, and around the tube (0 at the outer side)."""
        distance = self.major + self.minor * tube.double().cos()
        x, y = distance * around.double().cos(), distance * around.double().sin()
        return torch.stack([x, y, self.minor * tube.double().sin()], dim=1)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Points at independent uniform angles, float32: denser at the inner side than the surface's own measure."""
        angles = 2 * torch.pi * torch.rand(2, n, generator=generator, dtype=torch.float64)
        return self.points(*angles).float()

    def distance(self, points: Tensor) -> Tensor:
        """The distance of points to the surface, (n,)."""
        wide = points.double()
        from_circle = torch.stack([wide[:, :2].norm(dim=1) - self.major, wide[:, 2]], dim=1).norm(dim=1)
        return (from_circle - self.minor).abs()


def random_rotation(generator: torch.Generator) -> Tensor:
    """A rotation or reflection of space (3, 3), uniform over all (Mezzadri 2007, section 5)."""
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    return q * r.diagonal().sign()


def chamfer_distance(first: Tensor, second: Tensor) -> float:
    """The mean distance to the nearest point of the other cloud, of both clouds, averaged over the two.

    One cloud's points alone would be near the other even if they covered a small part of it.
    """
    distances = torch.cdist(first.double(), second.double())
    return float((distances.amin(0).mean() + distances.amin(1).mean()) / 2)


def gaussian_like(points: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Points of the Gaussian with the mean and covariance of a cloud, float32."""
    wide = points.double()
    factor = torch.linalg.cholesky(torch.cov(wide.T))
    return (wide.mean(0) + torch.randn(n, 3, generator=generator, dtype=torch.float64) @ factor.T).float()
