"""Trivial methods, judged by the same criteria as what is handed in: they must earn nothing for training.

The public checks are out of their reach by construction: their thresholds are parts of what such a method gets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from autograder_proofs.oracles import training
from ift6135_a3.checks.hidden import ddpm_learning, simsiam_learning, vae_learning
from torch import Tensor

from autograder.checks import Criterion

VAE_SHARE, DDPM_SHARE = 0.75, 0.75
"""Weight of the hidden check among all of the item."""
WITH_SHARE, WITHOUT_SHARE = 0.5, 0.25


Score = Callable[[int], float]
"""What a method earns, given the seed of the data."""


def earned(criteria: list[Criterion], share: float) -> float:
    """What a check gives whose criteria these are."""
    return share if all(criterion.holds for criterion in criteria) else 0.0


def generator(seed: int) -> torch.Generator:
    """The same data for every method."""
    return torch.Generator().manual_seed(seed)


@lru_cache(maxsize=1)
def vae_task(seed: int) -> vae_learning.Task:
    """The task, drawn once for all methods: to find its principal components takes a while."""
    return vae_learning.Task.draw(generator(seed))


def vae(name: str) -> Score:
    """A method whose code costs nothing, so that its bound is half its squared error."""

    def score(seed: int) -> float:
        task = vae_task(seed)
        error = task.trivial_errors[name]
        return earned(task.criteria(error, error * task.test[0].numel() / 2), VAE_SHARE)

    return score


def ddpm(denoiser: Callable[[ddpm_learning.Task], training.Denoiser], *, matched: bool = False) -> Score:
    """A denoiser that was not trained; its own samples, or those of a Gaussian with the data's means and variances."""

    def score(seed: int) -> float:
        draw = generator(seed)
        task = ddpm_learning.Task.draw(draw)
        predict = denoiser(task)
        images = matched_gaussian(task, draw) if matched else task.samples(predict, draw)
        return earned(task.criteria(task.noised.error(predict), task.distance(images), draw), DDPM_SHARE)

    return score


def matched_gaussian(task: ddpm_learning.Task, draw: torch.Generator) -> Tensor:
    """Samples of the Gaussian with mean and variance of every pixel."""
    noise = torch.randn((ddpm_learning.SAMPLES, *task.train.shape[1:]), generator=draw)
    return task.train.mean(0) + task.train.std(0) * noise


def simsiam(embed: Callable[[Tensor], Tensor]) -> Score:
    """An embedding of views that was not trained, as projection and as prediction."""

    def score(seed: int) -> float:
        draw = generator(seed)
        task = simsiam_learning.Task.draw(draw)
        z1, z2 = (embed(task.views(task.test.images, draw).flatten(1)) for _ in range(2))
        bank = embed(task.views(task.train.images, draw).flatten(1))
        found = simsiam_learning.Embeddings(z1, z2, z1, z2, bank)
        shares = {True: WITH_SHARE, False: WITHOUT_SHARE}
        return sum(
            earned(simsiam_learning.criteria(task, found, stop_gradient=stop), share) for stop, share in shares.items()
        )

    return score


def random_features(x: Tensor) -> Tensor:
    """A random layer that is never trained, the same for all data."""
    pixels = simsiam_learning.SIZE**2 * 3
    weight = torch.randn(pixels, simsiam_learning.DIM, generator=generator(0)) / pixels**0.5
    return (x @ weight).relu()


BASELINES = {
    "vae.training": {name: vae(name) for name in ("mean image", "best colour per image", "3 components")},
    "ddpm.training": {
        "no noise at all": ddpm(lambda task: lambda x, t: torch.zeros_like(x)),
        "diagonal Gaussian": ddpm(lambda task: task.diagonal()),
        "diagonal Gaussian and its samples": ddpm(lambda task: task.diagonal(), matched=True),
    },
    "simsiam.training": {
        "the pixels": simsiam(lambda x: x),
        "random features": simsiam(random_features),
        "always the same": simsiam(lambda x: torch.ones(len(x), simsiam_learning.DIM)),
    },
}
