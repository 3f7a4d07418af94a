"""Trivial methods, judged by the same criteria as what is handed in: they must earn nothing for training.

The public checks are out of their reach by construction: their thresholds are parts of what such a method gets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from autograder_proofs.oracles.torus import gaussian_like
from mit6s978_ps1.checks.hidden import pset1_learning as learning
from torch import Tensor

from autograder.checks import Criterion

AE_SHARE, VAE_SHARE, POINTS_SHARE, PATHS_SHARE = 0.75, 0.4, 0.75, 0.5
"""Weight of a hidden check among all of its item."""

Points = Callable[[learning.Cloud, torch.Generator], Tensor]


def earned(criteria: list[Criterion], share: float) -> float:
    """What a check gives whose criteria these are."""
    return share if all(criterion.holds for criterion in criteria) else 0.0


def generator(seed: int) -> torch.Generator:
    """The same data for every method."""
    return torch.Generator().manual_seed(seed)


@lru_cache(maxsize=1)
def task(seed: int) -> learning.Task:
    """The digits, drawn once: to find their principal components takes a while."""
    return learning.Task.draw(generator(seed))


def autoencoder(name: str) -> Callable[[int], float]:
    """A method with this name among the trivial ones."""
    return lambda seed: earned(task(seed).autoencoder_criteria(task(seed).trivial_errors[name]), AE_SHARE)


def vae(name: str, divergence: float) -> Callable[[int], float]:
    """A method with this name among the trivial ones, in both checks; its code has this divergence for nothing."""

    def score(seed: int) -> float:
        objective = task(seed).trivial_errors[name] + learning.COEFF * divergence
        return 2 * earned(task(seed).vae_criteria(objective, "either loss"), VAE_SHARE)

    return score


def points(method: Points) -> Callable[[int], float]:
    """Points that were not learnt."""

    def score(seed: int) -> float:
        draw = generator(seed)
        cloud = learning.Cloud.draw(draw)
        return earned(cloud.criteria(method(cloud, draw)), POINTS_SHARE)

    return score


def plane(cloud: learning.Cloud, draw: torch.Generator) -> Tensor:
    """The projection on the plane of two principal components."""
    mean = cloud.train.mean(0)
    kept = torch.linalg.eigh(torch.cov(cloud.train.T)).eigenvectors[:, 1:]
    return mean + (cloud.test - mean) @ kept @ kept.T


def paths(bend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[int], float]:
    """Paths between points by a rule: of start, end (n, 1, 3) and weight (1, steps, 1)."""

    def score(seed: int) -> float:
        cloud = learning.Cloud.draw(generator(seed), turned=False)
        starts, ends = cloud.test[: learning.PATHS], cloud.test[learning.PATHS : 2 * learning.PATHS]
        weight = torch.linspace(0, 1, learning.PATH_LENGTH)[None, :, None]
        return earned(cloud.path_criteria(bend(starts[:, None], ends[:, None], weight), starts, ends), PATHS_SHARE)

    return score


BASELINES = {
    "p1.training": {name: autoencoder(name) for name in ("mean image", "2 components")},
    "p3.training": {
        "mean image, no divergence": vae("mean image", 0.0),
        "mean image, and a code that is paid for": vae("mean image", 2.0),
    },
    "p4.training": {
        "one point": points(lambda cloud, draw: cloud.train[:1].expand(len(cloud.test), 3)),
        "the centre": points(lambda cloud, draw: cloud.train.mean(0).expand(len(cloud.test), 3)),
        "matched Gaussian": points(lambda cloud, draw: gaussian_like(cloud.train, len(cloud.test), draw)),
        "the plane of 2 components": points(plane),
    },
    "p4.torus_latent": {
        "straight line": paths(lambda start, end, weight: (1 - weight) * start + weight * end),
        "a jump in the middle": paths(lambda start, end, weight: torch.where(weight < 0.5, start, end)),
        "staying at the start": paths(lambda start, end, weight: start.expand(-1, weight.shape[1], -1)),
    },
}
