"""Trivial methods, judged by the same criteria as what is handed in: they must earn nothing for training.

The public checks are out of their reach by construction: their thresholds are parts of what such a method gets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from autograder_proofs.oracles import training
from autograder_proofs.oracles.bernoulli import cross_entropy
from mit67960_hw5.checks.hidden import hw5_diffusion_learning, hw5_vae_learning
from torch import Tensor

from autograder.checks import Criterion

SHARE = 0.75
"""Weight of the hidden check among all of the item."""


def earned(criteria: list[Criterion]) -> float:
    """What the hidden check gives whose criteria these are."""
    return SHARE if all(criterion.holds for criterion in criteria) else 0.0


@lru_cache(maxsize=1)
def vae_task(seed: int) -> hw5_vae_learning.Task:
    """The same data for every method."""
    return hw5_vae_learning.Task.draw(torch.Generator().manual_seed(seed))


def vae(reconstruct: Callable[[Tensor, Tensor], Tensor]) -> Callable[[int], float]:
    """A method that reconstructs the held-out images, given those for training, by a code that costs nothing."""

    def score(seed: int) -> float:
        task = vae_task(seed)
        least = hw5_vae_learning.MIN_PROBABILITY
        images = reconstruct(task.train, task.test).expand_as(task.test).clamp(least, 1 - least)
        return earned(task.criteria(float(cross_entropy(images, task.test).mean())))

    return score


def projected(train: Tensor, test: Tensor) -> Tensor:
    """The projection on the mean and the first principal component, kept off 0 and 1."""
    mean = train.mean(0).flatten()
    axis = torch.linalg.svd(train.flatten(1) - mean, full_matrices=False).Vh[0]
    images = mean + ((test.flatten(1) - mean) @ axis)[:, None] * axis
    return images.reshape(test.shape).clamp(0.01, 0.99)


def diffusion(denoiser: Callable[[hw5_diffusion_learning.Task], training.Denoiser]) -> Callable[[int], float]:
    """A denoiser that was not trained."""

    def score(seed: int) -> float:
        task = hw5_diffusion_learning.Task.draw(torch.Generator().manual_seed(seed))
        return earned(task.criteria(task.error(denoiser(task))))

    return score


BASELINES = {
    "q5.training": {
        "the mean image": vae(lambda train, test: train.mean(0, keepdim=True)),
        "the mean grey": vae(lambda train, test: train.mean((0, 2, 3), keepdim=True)),
        "one principal component": vae(projected),
    },
    "q11.diffusion.training": {
        "no noise at all": diffusion(lambda task: lambda x, t: torch.zeros_like(x)),
        "the noisy image itself": diffusion(lambda task: lambda x, t: x),
        "diagonal Gaussian": diffusion(
            lambda task: training.GaussianDenoiser(hw5_diffusion_learning.TABLES, task.train)
        ),
    },
}
