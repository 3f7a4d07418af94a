"""What the trainings are measured by, and the thresholds; `margins.json` has the margins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from autograder_proofs.oracles import training
from autograder_proofs.oracles.gaussian import kl_to_standard_normal
from autograder_proofs.oracles.torus import Torus, chamfer_distance, random_rotation
from torch import Tensor

from autograder.checks import Criterion, digits

SIZE = 28
PIXELS = SIZE**2
BATCH = 256
LEARNING_RATE = 1e-3

AE_WIDTHS = [128, 32, 16, 2]
AE_STEPS = 1500
AE_SHARE = 0.9
"""Of the error of the best trivial method, the plane of two principal components."""

VAE_WIDTHS = [128, 32, 16, 4]
VAE_STEPS = 1500
COEFF = 1e-3
VAE_SHARE = 0.85
"""Of the error of the mean image, whose code costs nothing."""
REPEATED = 10
"""Samples of each held-out image where both forms of the divergence are compared."""

POINTS = 1000
POINT_WIDTHS = [32, 16, 8]
POINT_STEPS = 1000
POINT_COEFF = 1e-5
CHAMFER = 0.08

PATH_STEPS = 2000
PATHS = 40
PATH_LENGTH = 50
OFF_SURFACE, OFF_ENDS, LONGEST_STEP = 0.08, 0.2, 0.4
"""Mean distance of paths to the surface, mean distance of their ends to the points, and the longest of their steps."""


@dataclass(frozen=True, eq=False)
class SecretIsometry:
    """A secret order of the pixels, and a secret choice of pixels that are shown as in a negative.

    Distances stay, values stay in [0, 1], and a network whose first and last layers are full learns it like any other.
    """

    order: Tensor
    negative: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator) -> SecretIsometry:
        """Draw both uniformly."""
        order = torch.randperm(PIXELS, generator=generator)
        return cls(order, torch.rand(PIXELS, generator=generator) < 0.5)

    @classmethod
    def none(cls) -> SecretIsometry:
        """The pixels as they are."""
        return cls(torch.arange(PIXELS), torch.zeros(PIXELS, dtype=torch.bool))

    def put_on(self, images: Tensor) -> Tensor:
        """Return flat images (n, 784) in disguise."""
        moved = images[:, self.order]
        return torch.where(self.negative, 1 - moved, moved)

    def take_off(self, images: Tensor) -> Tensor:
        """Return pictures (n, 1, 28, 28) in [-1, 1], to be shown, of disguised images."""
        found = torch.where(self.negative, 1 - images, images)[:, self.order.argsort()]
        return 2 * found.reshape(-1, 1, SIZE, SIZE) - 1


@dataclass(frozen=True, eq=False)
class Task:
    """Digits in disguise, flat, (n, 784) in [0, 1]."""

    isometry: SecretIsometry
    train: Tensor
    test: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator, *, disguised: bool = True) -> Task:
        """Draw the disguise."""
        isometry = SecretIsometry.draw(generator) if disguised else SecretIsometry.none()
        train, test = ((digits(SIZE, held_out=held).images.flatten(1) + 1) / 2 for held in (False, True))
        return cls(isometry, isometry.put_on(train), isometry.put_on(test))

    @cached_property
    def trivial_errors(self) -> dict[str, float]:
        """Mean squared errors of methods that learn next to nothing."""
        return {
            "mean image": training.mean_image_error(self.train, self.test),
            "2 components": training.principal_components_error(self.train, self.test, 2),
        }

    def error(self, images: Tensor) -> float:
        """The mean squared error of reconstructions of the held-out images."""
        return float((images - self.test).double().square().mean())

    def autoencoder_criteria(self, error: float) -> list[Criterion]:
        """Judge the error of reconstructions from codes of two numbers."""
        threshold = AE_SHARE * min(self.trivial_errors.values())
        return [Criterion("reconstruction error of held-out images", error, threshold)]

    def objective(
        self, mean: Tensor, logvar: Tensor, decode: Callable[[Tensor], Tensor], generator: torch.Generator
    ) -> float:
        """Mean squared error at sampled codes, plus `COEFF` times the divergence in closed form."""
        spread = (0.5 * logvar.clamp(-30, 20)).exp()
        images = decode(mean + spread * torch.randn(mean.shape, generator=generator))
        return self.error(images) + COEFF * float(kl_to_standard_normal(mean, logvar.clamp(-30, 20)).mean())

    def vae_criteria(self, objective: float, name: str) -> list[Criterion]:
        """Judge the objective of a model that was trained with the regulariser of this name."""
        threshold = VAE_SHARE * self.trivial_errors["mean image"]
        return [Criterion(f"held-out error and divergence of the model trained with {name}", objective, threshold)]


def agreement(sampled: Tensor, closed: Tensor, mean: Tensor, logvar: Tensor, alpha: float = 1e-9) -> Criterion:
    """Judge how near the averages over all rows (n,) of both forms are to minus the divergence of posteriors (n, dim).

    The closed form is known here, so that two wrong forms that agree with each other do not pass. The bound holds for
    right forms but with probability ``alpha``: sums of b e, with noise e, are normal, and sums of a (e^2 - 1) stay
    within 2 |a| sqrt(t) + 2 max|a| t (Laurent and Massart 2000, lemma 1).
    """
    a, b = (logvar.double().exp() - 1) / 2, mean.double() * (logvar.double() / 2).exp()
    t = math.log(4 / alpha)
    bound = float(b.norm() * math.sqrt(2 * t) + 2 * a.norm() * math.sqrt(t) + 2 * a.abs().max() * t) / len(mean)
    expected = -kl_to_standard_normal(mean, logvar).mean()
    difference = float((torch.stack([sampled.double().mean(), closed.double().mean()]) - expected).abs().max())
    return Criterion("difference of loss_SGVB and loss_KL_wo_E on one model", difference, bound)


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points of a torus that lies in space in a secret position, (n, 3)."""

    torus: Torus
    rotation: Tensor
    train: Tensor
    test: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator, *, turned: bool = True) -> Cloud:
        """Draw points for training and as many others, of a torus turned at random."""
        torus, rotation = Torus(), random_rotation(generator) if turned else torch.eye(3, dtype=torch.float64)
        train, test = ((torus.draw(POINTS, generator).double() @ rotation).float() for _ in range(2))
        return cls(torus, rotation, train, test)

    def criteria(self, points: Tensor) -> list[Criterion]:
        """Judge reconstructions of the held-out points."""
        distance = chamfer_distance(points, self.test) if bool(points.isfinite().all()) else math.inf
        return [Criterion("Chamfer distance of reconstructed to held-out points", distance, CHAMFER)]

    def path_criteria(self, paths: Tensor, starts: Tensor, ends: Tensor) -> list[Criterion]:
        """Judge paths (n, steps, 3) between points (n, 3)."""
        off = float(self.torus.distance(paths.double().flatten(0, 1) @ self.rotation.T).mean())
        missed = float(torch.cat([paths[:, 0] - starts, paths[:, -1] - ends]).double().norm(dim=1).mean())
        longest = float(paths.double().diff(dim=1).norm(dim=2).amax(1).mean())
        return [
            Criterion("mean distance of the paths to the torus", off, OFF_SURFACE),
            Criterion("mean distance of the ends of paths to the points", missed, OFF_ENDS),
            Criterion("mean length of the longest step of a path", longest, LONGEST_STEP),
        ]
