"""What SimSiam's training is measured by, and the thresholds; `margins.json` has the margins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autograder.checks import (
    Criterion,
    LabelledImages,
    SecretIsometry,
    agreement,
    digits,
    effective_rank,
    nearest_neighbour_accuracy,
)

STEPS = 500
BATCH = 64
LEARNING_RATE = 0.3
DIM = 64
PRED_DIM = 32
SIZE = 16
NOISE = 0.6
CONTRAST = 0.2
"""Standard deviation of the noise of every pixel of a view, and of its contrast and its brightness, by channel."""

AGREEMENT = 0.91
"""Least cosine between the prediction of one view and the projection of the other, either way of training."""
RANK = 10.5
"""Effective rank of the projections: above it with stop-gradient, below it without."""
ACCURACY = 0.65
"""Of nearest neighbours in the space of projections, with stop-gradient."""
REST_OF_ACCURACY = 0.3
"""The same without stop-gradient: few directions are left, but not none, as in a constant. Chance is 0.1."""


@dataclass(frozen=True, eq=False)
class Task:
    """Noisy grey digits ``(n, 3, 16, 16)`` in a secret basis of all their pixels; the labels stay here."""

    isometry: SecretIsometry
    train: LabelledImages
    test: LabelledImages

    @classmethod
    def draw(cls, generator: torch.Generator) -> Task:
        """Draw the basis."""
        return cls(SecretIsometry.draw(generator, patch=SIZE, size=SIZE), digits(SIZE), digits(SIZE, held_out=True))

    def views(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """One random view of each grey image ``(n, 1, 16, 16)``, in disguise."""
        colour = images.repeat(1, 3, 1, 1)
        gain, offset = CONTRAST * torch.randn(2, len(colour), 3, 1, 1, generator=generator)
        noise = NOISE * torch.randn(colour.shape, generator=generator)
        return self.isometry.put_on(colour * (1 + gain) + offset + noise)


@dataclass(frozen=True)
class Embeddings:
    """Two views of the held-out images, embedded, and one of the training images: each ``(n, DIM)``."""

    p1: Tensor
    p2: Tensor
    z1: Tensor
    z2: Tensor
    bank: Tensor

    def agreement(self) -> float:
        """The negative loss on held-out views, computed here (Chen and He 2021, equation 2)."""
        return (agreement(self.p1, self.z2) + agreement(self.p2, self.z1)) / 2

    def accuracy(self, task: Task) -> float:
        """How often the nearest training images show what a held-out image shows."""
        return nearest_neighbour_accuracy(self.bank, task.train.labels, self.z1, task.test.labels)

    def rank(self) -> float:
        """How many directions the projections of the held-out images use."""
        return effective_rank(self.z1)


def criteria(task: Task, found: Embeddings, *, stop_gradient: bool) -> list[Criterion]:
    """Judge embeddings after training with or without stop-gradient."""
    agree = Criterion("agreement of two views", found.agreement(), AGREEMENT, at_least=True)
    rank = Criterion("effective rank of the projections", found.rank(), RANK, at_least=stop_gradient)
    least = ACCURACY if stop_gradient else REST_OF_ACCURACY
    return [agree, rank, Criterion("accuracy of nearest neighbours", found.accuracy(task), least, at_least=True)]
