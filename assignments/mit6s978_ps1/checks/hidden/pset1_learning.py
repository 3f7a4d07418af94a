"""What the trainings are measured by, and the thresholds; `margins.json` has the margins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from autograder_proofs.oracles.gaussian import kl_to_standard_normal
from autograder_proofs.oracles.torus import Torus, chamfer_distance, random_rotation
from torch import Tensor

from autograder.checks import Criterion, Training

REPEATED = 10
"""Samples of each held-out image where both forms of the divergence are compared."""

POINTS = 1000
POINTS_TRAINING = Training(1000, POINTS, 1e-3, size=[32, 16, 8])
POINT_COEFF = 1e-5
CHAMFER = 0.08

PATHS_TRAINING = Training(2000, POINTS, 1e-3)
PATHS = 40
PATH_LENGTH = 50
OFF_SURFACE, OFF_ENDS, LONGEST_STEP = 0.08, 0.2, 0.4
"""Mean distance of paths to the surface, mean distance of their ends to the points, and the longest of their steps."""


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
