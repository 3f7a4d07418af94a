"""Trivial methods, judged by the same criteria as what is handed in: they must earn nothing for training.

The public checks are out of their reach by construction: their thresholds are parts of what such a method gets.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from ift6135_a3.checks.hidden import simsiam_learning
from torch import Tensor

from autograder.checks import Criterion

WITH_SHARE, WITHOUT_SHARE = 0.5, 0.25
"""Weight of a hidden check among all of the item."""


Score = Callable[[int], float]
"""What a method earns, given the seed of the data."""


def earned(criteria: list[Criterion], share: float) -> float:
    """What a check gives whose criteria these are."""
    return share if all(criterion.holds for criterion in criteria) else 0.0


def generator(seed: int) -> torch.Generator:
    """The same data for every method."""
    return torch.Generator().manual_seed(seed)


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
    "simsiam.training": {
        "the pixels": simsiam(lambda x: x),
        "random features": simsiam(random_features),
        "always the same": simsiam(lambda x: torch.ones(len(x), simsiam_learning.DIM)),
    },
}
