"""Trivial methods, judged by the same criteria as what is handed in: they must earn nothing for training.

Checks of shapes alone are left out of what counts: who keeps to the contract without learning gets those.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from autograder_proofs.oracles.points import Clusters, Gaussian
from csci1051_ps3.checks.hidden import autoencoder_learning, points_learning
from csci1051_ps3.checks.hidden.ps3_stand_ins import ALPHA, T
from torch import Tensor

from autograder.checks import Criterion

HELD_OUT_SHARE = {"p1a.autoencoder": 4 / 6, "p2c.training": 3 / 4, "p2d.sampling": 3 / 4}
"""Weight of the check on held-out data among all of the item."""
SCHEDULE = points_learning.Schedule(T, ALPHA)


def earned(item: str, criteria: list[Criterion]) -> float:
    """What the check on held-out data gives whose criteria these are."""
    return HELD_OUT_SHARE[item] if all(criterion.holds for criterion in criteria) else 0.0


def generator(seed: int) -> torch.Generator:
    """The same data for every method."""
    return torch.Generator().manual_seed(seed)


@lru_cache(maxsize=1)
def pictures(seed: int) -> autoencoder_learning.Task:
    """The task, drawn once."""
    return autoencoder_learning.Task.draw(generator(seed))


def reconstructing(name: str) -> Callable[[int], float]:
    """One of the methods that the task knows."""
    return lambda seed: earned("p1a.autoencoder", pictures(seed).criteria(pictures(seed).trivial_errors[name]))


def nearest_pictures(x: Tensor, bank: Tensor) -> Tensor:
    """For each picture the one of the bank whose mean grey is nearest: a code of one number, without learning."""
    grey = torch.cdist(x.flatten(1).mean(1, keepdim=True), bank.flatten(1).mean(1, keepdim=True))
    return bank[grey.argmin(1)]


def remembering(seed: int) -> float:
    """A look-up of training pictures by their mean grey."""
    task = pictures(seed)
    error = float((nearest_pictures(task.test, task.train) - task.test).double().square().mean())
    return earned("p1a.autoencoder", task.criteria(error))


def predicting(predict: Callable[[Clusters, Tensor, Tensor], Tensor]) -> Callable[[int], float]:
    """A predictor of noise that was not trained; it gets the points' distribution, x_t and the signal's share."""

    def score(seed: int) -> float:
        draw = generator(seed)
        points = points_learning.two_clusters(draw)
        held_out = points_learning.NoisedPoints.draw(points, SCHEDULE, draw)
        error = held_out.error(predict(points, held_out.x_t, SCHEDULE.shares(held_out.t)))
        return earned("p2c.training", held_out.criteria(error, points, SCHEDULE))

    return score


def sampling(last: Callable[[Clusters, torch.Generator], Tensor]) -> Callable[[int], float]:
    """Samples of a method that was not trained, behind honest noise."""

    def score(seed: int) -> float:
        draw = generator(seed)
        points = points_learning.two_clusters(draw)
        noise = torch.randn(points_learning.SAMPLES, 2, generator=draw)
        path = torch.stack([noise, last(points, draw)])
        return earned("p2d.sampling", points_learning.sampling_criteria(path, points, draw))

    return score


COUNT = points_learning.SAMPLES
BASELINES = {
    "p1a.autoencoder": {
        **{name: reconstructing(name) for name in ("mean picture", "two principal components")},
        "nearest mean grey": remembering,
    },
    "p2c.training": {
        "no noise at all": predicting(lambda points, x, share: torch.zeros_like(x)),
        "the point itself": predicting(lambda points, x, share: x),
        "best affine guess": predicting(lambda points, x, share: Gaussian.like(points).expected_noise(x, share)),
    },
    "p2d.sampling": {
        "the noise": sampling(lambda points, draw: torch.randn(COUNT, 2, generator=draw)),
        "the mean": sampling(lambda points, draw: points.mean.float().expand(COUNT, 2)),
        "matched Gaussian": sampling(lambda points, draw: Gaussian.like(points).draw(COUNT, draw)),
        "one of the two clusters": sampling(
            lambda points, draw: Clusters(points.centres[:1], points.spread).draw(COUNT, draw)
        ),
    },
}
