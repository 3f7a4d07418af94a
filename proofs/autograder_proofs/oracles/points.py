"""Distributions of points in the plane with all that is known of them: moments, and the noise that is to be expected.

``x_t = sqrt(a) x_0 + sqrt(1 - a) z`` throughout, with ``a`` in (0, 1] and ``z`` standard normal. Points are (n, 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Predictor = Callable[[Tensor, Tensor], Tensor]
"""Predicts the noise in points (n, 2), whose signal has the share ``a`` (n,)."""


class Points(Protocol):
    """A distribution of points."""

    @property
    def mean(self) -> Tensor:
        """Its mean (2,)."""

    @property
    def covariance(self) -> Tensor:
        """Its covariance (2, 2)."""

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent points, float32 (n, 2)."""

    def expected_noise(self, x: Tensor, a: Tensor) -> Tensor:
        """E[z | x_t], float64 (n, 2): what the best of all models predicts."""


@dataclass(frozen=True, eq=False)
class Ring:
    """A circle around ``centre`` (2,), blurred by Gaussian noise."""

    centre: Tensor
    radius: float
    blur: float

    @property
    def mean(self) -> Tensor:
        """The centre."""
        return self.centre.double()

    @property
    def covariance(self) -> Tensor:
        """The circle's own, plus that of the blur."""
        return (self.radius**2 / 2 + self.blur**2) * torch.eye(2, dtype=torch.float64)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent points, float32 (n, 2)."""
        angle = 2 * torch.pi * torch.rand(n, generator=generator, dtype=torch.float64)
        circle = self.radius * torch.stack([angle.cos(), angle.sin()], dim=1)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return (self.centre + circle + self.blur * noise).float()

    def expected_noise(self, x: Tensor, a: Tensor) -> Tensor:
        """E[z | x_t], float64 (n, 2).

        Given x_t, the direction u of the point on the circle follows a von Mises law around that of y = x_t - sqrt(a)
        centre, with concentration k = sqrt(a) radius |y| / (a blur^2 + 1 - a); its mean is y / |y| I_1(k) / I_0(k)
        (Mardia and Jupp, Directional statistics, 2000, section 3.5.4).
        """
        a = a.double()[:, None]
        y = x.double() - a.sqrt() * self.centre
        variance = a * self.blur**2 + 1 - a
        length = y.norm(dim=1, keepdim=True).clamp_min(1e-12)
        k = a.sqrt() * self.radius * length / variance
        direction = y / length * torch.special.i1e(k) / torch.special.i0e(k)
        return (1 - a).sqrt() * (y - a.sqrt() * self.radius * direction) / variance


@dataclass(frozen=True, eq=False)
class Clusters:
    """Gaussian clusters, equally likely, around ``centres`` (k, 2), each with this standard deviation."""

    centres: Tensor
    spread: float

    @property
    def mean(self) -> Tensor:
        """The mean of the centres."""
        return self.centres.double().mean(0)

    @property
    def covariance(self) -> Tensor:
        """That of the centres, plus a cluster's own."""
        around = self.centres.double() - self.mean
        return around.T @ around / len(around) + self.spread**2 * torch.eye(2, dtype=torch.float64)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent points, float32 (n, 2)."""
        which = torch.randint(len(self.centres), (n,), generator=generator)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return (self.centres.double()[which] + self.spread * noise).float()

    def expected_noise(self, x: Tensor, a: Tensor) -> Tensor:
        """E[z | x_t], float64 (n, 2): each cluster's own expectation, weighted by how likely it is."""
        a = a.double()[:, None]
        away = x.double()[:, None] - a[..., None].sqrt() * self.centres.double()  # (n, k, 2)
        variance = a * self.spread**2 + 1 - a
        likely = torch.softmax(-away.square().sum(2) / (2 * variance), dim=1)
        return (1 - a).sqrt() * (likely[..., None] * away).sum(1) / variance


@dataclass(frozen=True, eq=False)
class Gaussian:
    """The Gaussian with the moments of another distribution: its best predictor of noise is affine for each ``a``."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def like(cls, points: Points) -> Gaussian:
        """Return the Gaussian with the same mean and covariance."""
        return cls(points.mean, points.covariance)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent points, float32 (n, 2)."""
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return (self.mean + noise @ torch.linalg.cholesky(self.covariance).T).float()

    def expected_noise(self, x: Tensor, a: Tensor) -> Tensor:
        """E[z | x_t] = sqrt(1 - a) (a C + (1 - a) I)^-1 (x_t - sqrt(a) mean), float64 (n, 2)."""
        a = a.double()[:, None]
        variances, basis = torch.linalg.eigh(self.covariance)
        seen = (x.double() - a.sqrt() * self.mean) @ basis
        return ((1 - a).sqrt() * seen / (a * variances + 1 - a)) @ basis.T


def affine_error(points: Points, shares: Tensor) -> float:
    """Mean squared error per coordinate of the best affine predictor for each ``a`` of ``shares`` (n,).

    In the eigenbasis of the covariance: a v / (a v + 1 - a).
    """
    a, variances = shares.double()[:, None], torch.linalg.eigvalsh(points.covariance)
    return float((a * variances / (a * variances + 1 - a)).mean())


def gaussian_misfit(points: Tensor) -> float:
    """How badly the matched Gaussian fits points (n, d): n times the energy distance of whitened points to N(0, I).

    Mean and covariance are the points' own, so the number does not change under affine maps. Directions in which the
    points do not spread are left out; where they spread in none, the answer is NaN. The test of Szekely and Rizzo, A
    new test for multivariate normality (2005), with exact expectations (d = 2 here, or 1).
    """
    z = whitened(points)
    if z.shape[1] == 0:
        return float("nan")
    to_normal = _distance_to_normal(z).mean()
    among_normal = 2 * torch.lgamma(torch.tensor((z.shape[1] + 1) / 2)).exp() / math.gamma(z.shape[1] / 2)
    within = torch.cdist(z, z).mean()
    return float(len(z) * (2 * to_normal - among_normal - within))


def whitened(points: Tensor) -> Tensor:
    """Points with mean 0 and the unit matrix as covariance, float64 (n, rank)."""
    centred = points.double() - points.double().mean(0)
    variances, basis = torch.linalg.eigh(centred.T @ centred / len(centred))
    kept = variances > 1e-9 * variances.max().clamp_min(1e-300)
    return (centred @ basis)[:, kept] / variances[kept].sqrt()


def _distance_to_normal(z: Tensor) -> Tensor:
    """E|z - Z| for standard normal Z: the mean of a Rice law in the plane, of a folded normal one on the line."""
    if z.shape[1] == 1:
        x = z[:, 0].abs()
        return x * torch.erf(x / 2**0.5) + (2 / torch.pi) ** 0.5 * torch.exp(-(x**2) / 2)
    half = z.square().sum(1) / 4
    bessel = (1 + 2 * half) * torch.special.i0e(half) + 2 * half * torch.special.i1e(half)
    return (torch.pi / 2) ** 0.5 * bessel
