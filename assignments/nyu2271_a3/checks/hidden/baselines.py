"""Trivial methods, judged by the same criteria as what is handed in: they must earn nothing for training.

The public checks are out of their reach by construction: their thresholds are parts of what such a method gets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from autograder_proofs.oracles import training
from nyu2271_a3.checks.hidden import diffusion_learning, vae_learning
from torch import Tensor

from autograder.checks import Criterion

VAE_SHARE, CVAE_SHARE, DIFFUSION_SHARE = 0.4, 0.4, 0.75
"""Weight of a hidden check among all of the item."""


def earned(criteria: list[Criterion], share: float) -> float:
    """What a check gives whose criteria these are."""
    return share if all(criterion.holds for criterion in criteria) else 0.0


def generator(seed: int) -> torch.Generator:
    """The same data for every method."""
    return torch.Generator().manual_seed(seed)


Drawing = Callable[[vae_learning.Task, Tensor], Tensor]
"""Images for labels."""


def vae(draw: Drawing) -> Callable[[int], float]:
    """Pictures that know nothing but the class, whose code is free: as reconstructions, and as samples.

    A VAE is not told the class: it draws the same picture for all.
    """

    def score(seed: int) -> float:
        task = vae_learning.Task.draw(generator(seed))
        loss = float(vae_learning.reconstruction_loss(draw(task, task.test_labels), task.test).mean())
        asked = torch.arange(10).repeat(vae_learning.SAMPLES)
        recognised = task.recognised(draw(task, asked), asked)
        plain = float(vae_learning.reconstruction_loss(draw(task, 0 * task.test_labels), task.test).mean())
        return earned(task.criteria(plain), VAE_SHARE) + earned(task.conditional_criteria(loss, recognised), CVAE_SHARE)

    return score


def mean_image(task: vae_learning.Task, labels: Tensor) -> Tensor:
    """The same for all."""
    return task.train.mean(0).expand(len(labels), -1, -1, -1)


def class_mean(task: vae_learning.Task, labels: Tensor) -> Tensor:
    """One for each class."""
    return task.class_means()[labels]


def first_image(task: vae_learning.Task, labels: Tensor) -> Tensor:
    """A training image of the class."""
    first = torch.stack([(task.train_labels == label).nonzero()[0, 0] for label in range(10)])
    return task.train[first[labels]]


@lru_cache(maxsize=1)
def diffusion_task(seed: int) -> diffusion_learning.Task:
    """The task, drawn once."""
    return diffusion_learning.Task.draw(generator(seed))


def diffusion(denoiser: Callable[[diffusion_learning.Task], training.Denoiser]) -> Callable[[int], float]:
    """A denoiser that was not trained."""

    def score(seed: int) -> float:
        task = diffusion_task(seed)
        return earned(task.criteria(task.error(denoiser(task))), DIFFUSION_SHARE)

    return score


BASELINES = {
    "vae.training": {
        "mean image": vae(mean_image),
        "mean image of each class": vae(class_mean),
        "training image of each class": vae(first_image),
    },
    "diffusion.training": {
        "no noise at all": diffusion(lambda task: lambda x, t: torch.zeros_like(x)),
        "mean image": diffusion(diffusion_learning.Task.mean_image),
        "diagonal Gaussian": diffusion(diffusion_learning.Task.diagonal),
    },
}
